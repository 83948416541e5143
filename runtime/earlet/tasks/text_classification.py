"""text-classification: what a text is, or how two texts go together.

text -> token ids, cut to max_length -> logits -> scores of labels
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np

from earlet import tokenizers
from earlet.arrays import AnyArray, FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import FunctionToApply, scores, top
from earlet.errors import BundleError, InputError
from earlet.results import Classification
from earlet.tasks.batch import each
from earlet.tasks.labels import ClassifierOutput, read_labels
from earlet.tasks.trace import Text, Trace
from earlet.tokenizers import Encoding, Tokenizer

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # the last where the network has it


@dataclass(frozen=True, kw_only=True)
class TokenizerFile:
    """How text becomes token ids."""

    file: str  # tokenizer.json


@dataclass(frozen=True, kw_only=True)
class TextInput:
    """The bundle's `input` section."""

    kind: Literal["text"]
    tokenizer: TokenizerFile
    max_length: int  # tokens, special ones among them; how texts are cut says tokenizer.json


class TextClassification:
    """What `earlet.pipeline("text-classification")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when labels, tokenizer and network do not fit together."""
        self.bundle = bundle
        self.output = bundle.section("output", ClassifierOutput)
        self._input = bundle.section("input", TextInput)
        self._tokenizer = _tokenizer(bundle, self._input)
        self._session = bundle.open_session("network", threads, outputs={"logits": 2})
        self._names = [spec.name for spec in self._session.inputs]
        if not {*_INPUTS[:2]} <= {*self._names} <= {*_INPUTS}:
            raise BundleError(
                f"{bundle.path}: expected a network of input_ids, attention_mask and perhaps "
                f"token_type_ids, got {', '.join(self._names)}"
            )
        self.labels = read_labels(bundle, self._session.outputs[0].shape[-1])

    @overload
    def __call__(
        self,
        inputs: Text,
        *,
        top_k: int | None = None,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        inputs: list[Text],
        *,
        top_k: int | None = None,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[list[Classification]]: ...
    def __call__(
        self,
        inputs: Text | list[Text],
        *,
        top_k: int | None = None,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification] | list[list[Classification]]:
        """The labels of a text, best first.

        Args:
            inputs: a text, or {"text": ..., "text_pair": ...}; a list of these gives a list of
                results. What is too long for the network is cut.
            top_k: how many labels at most; None gives all.
            function_to_apply: makes scores of the network's outputs; None takes the bundle's own.

        Raises:
            InputError: when it is no text, or too much of it.
        """
        function = self.output.function(function_to_apply, top_k)

        def answer(item: Text) -> list[Classification]:
            logits = self.network(self._encode(item))
            return top(scores(logits, function), self.labels, top_k)

        return each(inputs, answer) if isinstance(inputs, list) else answer(inputs)

    def network(self, encoding: Encoding) -> FloatArray:
        """Token ids -> logits (n_labels,)."""
        rows = (encoding.ids, [1] * len(encoding.ids), encoding.type_ids)
        tensors: dict[str, AnyArray] = {
            name: np.array([row], dtype=np.int64) for name, row in zip(_INPUTS, rows, strict=True)
        }
        (logits,) = self._session.run({name: tensors[name] for name in self._names})
        return np.asarray(logits[0], dtype=np.float32)

    def trace(self, text: Text) -> Trace:
        """Each stage of `text`: token ids, logits, the best label."""
        encoding = self._encode(text)
        logits = self.network(encoding)
        return Trace(
            np.array(encoding.ids, dtype=np.float32), logits, self.labels[int(logits.argmax())]
        )

    def _encode(self, text: Text) -> Encoding:
        both = {"text": text} if isinstance(text, str) else text
        if not isinstance(both, Mapping) or not {"text"} <= both.keys() <= {"text", "text_pair"}:
            found = f"the keys {[*text]}" if isinstance(text, Mapping) else type(text).__name__
            raise InputError(f'expected a string or {{"text": ..., "text_pair": ...}}, got {found}')
        encoding = self._tokenizer.encode(
            both["text"], both.get("text_pair"), max_length=self._input.max_length
        )
        if not encoding.ids:
            raise InputError("text: has no tokens, and this network needs one")
        return encoding


def _tokenizer(bundle: Bundle, section: TextInput) -> Tokenizer:
    file = section.tokenizer.file
    tokenizer = tokenizers.from_json(bundle.read_text(file), f"{bundle.path}/{file}")
    try:
        tokenizer.encode("", max_length=section.max_length)
    except InputError as problem:
        raise BundleError(f"{bundle.where('input')}: {problem}") from None
    return tokenizer
