"""Defaults that stand for facts: those that the classes of transformers themselves have."""

import inspect
from typing import Any

import pytest
import transformers

from earlet_quantize.huggingface import classifier, speech, text
from earlet_quantize.huggingface.image_processor import PROCESSORS, WITHOUT_EFFECT


@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")
@pytest.mark.parametrize("name", speech.DEFAULTS)
def test_feature_extractors_have_these_defaults(name: str) -> None:
    theirs = getattr(transformers, name)()
    ours = speech.DEFAULTS[name]
    assert ours == {key: getattr(theirs, key) for key in ours}


@pytest.mark.parametrize("name", PROCESSORS)
def test_image_processors_have_these_options_and_defaults(name: str) -> None:
    theirs = getattr(transformers, name)
    processor, parameters = PROCESSORS[name], inspect.signature(theirs.__init__).parameters
    options = parameters.keys() - {"self", "kwargs", *WITHOUT_EFFECT}
    assert processor.options.keys() == options
    for key, ours in processor.options.items():
        value: Any = getattr(theirs(), key)
        if key in ("size", "crop_size"):
            assert {*value.values()} == {ours}
        else:
            assert ours == (tuple(value) if isinstance(value, list) else value), key


def test_the_tokenizer_of_characters_has_these_defaults() -> None:
    parameters = inspect.signature(transformers.Wav2Vec2CTCTokenizer.__init__).parameters
    defaults = {name: value.default for name, value in parameters.items()}
    ours = {key: v for key, v in speech.CTC_DEFAULTS.items() if key != "tokenizer_class"}
    assert ours == {key: defaults[key] for key in ours}


def test_tokenizers_have_no_limit_by_default() -> None:
    limit = transformers.tokenization_utils_base.VERY_LARGE_INTEGER
    assert {"model_max_length": limit} == text.UNLIMITED


def test_labels_have_these_names_by_default() -> None:
    theirs = transformers.PretrainedConfig().id2label
    assert {str(i): name for i, name in theirs.items()} == classifier.DEFAULT_ID2LABEL
