"""Characters of CTC networks, held to transformers' tokenizer of wav2vec2."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import Wav2Vec2CTCTokenizer

from earlet.errors import BundleError
from earlet.tokenizers.characters import CharacterTokenizer

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
VOCABULARY = {
    piece: id_ for id_, piece in enumerate([*SPECIAL, "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"])
}


@pytest.mark.parametrize("text", ["HE LLO|WORLD", "|A||B|", "<s>IT'S</s>", "", "<unk>X|<pad>Z"])
def test_ids_become_the_text_that_transformers_gives(text: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(VOCABULARY), encoding="utf-8")
    theirs = Wav2Vec2CTCTokenizer(str(path))
    pieces = text.replace(" ", "").replace("<", " <").replace(">", "> ").split()
    ids = [VOCABULARY[p] for word in pieces for p in ([word] if word in SPECIAL else word)]
    ours = CharacterTokenizer.from_json(path.read_text("utf-8"), "vocab.json", "|", SPECIAL)
    expected = theirs.decode(
        ids, skip_special_tokens=True, group_tokens=False, clean_up_tokenization_spaces=False
    )
    assert ours.decode(ids) == expected.strip()
    assert ours.n_vocab == len(VOCABULARY)


@pytest.mark.parametrize("seed", range(20))
def test_words_are_those_that_transformers_finds(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(VOCABULARY), encoding="utf-8")
    theirs = Wav2Vec2CTCTokenizer(str(path))
    ids = np.random.default_rng(seed).choice([0, 4, 4, 5, 6, 7, 8], seed).tolist()
    ours = CharacterTokenizer.from_json(path.read_text("utf-8"), "vocab.json", "|", SPECIAL)
    expected = theirs.decode(ids, output_word_offsets=True, group_tokens=False)["word_offsets"]
    assert ours.words(ids) == [
        (word["word"], word["start_offset"], word["end_offset"] - 1) for word in expected
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"A": 1}', '{"A": 0, "B": 0}', '{"A": "x"}', '{"A": null}']
)
def test_what_is_no_vocabulary_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BundleError, match=r"vocab\.json: expected") as caught:
        CharacterTokenizer.from_json(text, "vocab.json", "|", SPECIAL)
    assert str(caught.value).isprintable()
