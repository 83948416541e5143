"""Every decoder, held to the Rust `tokenizers` on any pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from earlet.errors import BundleError
from earlet.tokenizers.decoders import from_document

THEIRS = {
    "byte level": decoders.ByteLevel(),
    "byte fallback": decoders.ByteFallback(),
    "WordPiece": decoders.WordPiece(),
    "WordPiece, as it is": decoders.WordPiece(prefix="@@", cleanup=False),
    "metaspace": decoders.Metaspace(),
    "metaspace without a first": decoders.Metaspace(prepend_scheme="never"),
    "replace": decoders.Replace("▁", " "),
    "strip": decoders.Strip(" ", 2, 0),
    "strip the end": decoders.Strip("▁", 0, 1),
    "Llama": decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    ),
}
pieces = st.lists(
    st.sampled_from(["<0xC3>", "<0xa9>", "<0x0>", "##", "@@", "Ġ", "Ã", "©", "▁", " ", " n't", "."])
    | st.text(st.sampled_from("▁Ġé a.@#'n t"), min_size=1, max_size=5),
    max_size=8,
)


@pytest.mark.parametrize("kind", THEIRS)
@given(pieces=pieces)
def test_any_pieces_become_the_text_of_tokenizers(kind: str, pieces: list[str]) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = THEIRS[kind]
    chain = from_document(json.loads(tokenizer.to_str())["decoder"], "decoder")
    ours = pieces
    for step in chain:
        ours = step(ours)
    assert "".join(ours) == THEIRS[kind].decode(pieces)


def test_what_is_stripped_is_one_character() -> None:
    with pytest.raises(BundleError, match="expected one character as content, got ''"):
        from_document({"type": "Strip", "content": "", "start": 10**9, "stop": 0}, "decoder")
