"""The parts of a tokenizer.json that several classes have."""

from collections.abc import Mapping, Sequence

Json = dict[str, object]
Part = tuple[str, int]  # a special token, or TEXT or PAIR, and the type of its ids
TEXT, PAIR = "$A", "$B"  # how `tokenizers` writes the places of two texts


def document(*, added: Sequence[Json], **parts: Json | None) -> Json:
    """A whole tokenizer.json."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [*added],
        **parts,
    }


def template(single: Sequence[Part], pair: Sequence[Part], ids: Mapping[str, int]) -> Json:
    """What goes around a text and around a pair; `ids` are those of the special tokens in it."""
    used = {name for name, _ in (*single, *pair)} - {TEXT, PAIR}
    return {
        "type": "TemplateProcessing",
        "single": [_part(*part) for part in single],
        "pair": [_part(*part) for part in pair],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in sorted(used)
        },
    }


def classifying(
    cls: str, sep: str, ids: Mapping[str, int], *, separators: int = 1, second: int = 1
) -> Json:
    """[CLS] A [SEP], and [CLS] A [SEP] B [SEP].

    Args:
        cls: the token before everything.
        sep: the token after each text.
        ids: of both.
        separators: how many are between two texts.
        second: the type of the second text's ids.
    """
    single = [(cls, 0), (TEXT, 0), (sep, 0)]
    between = [(sep, 0)] * (separators - 1)
    return template(single, [*single, *between, (PAIR, second), (sep, second)], ids)


def _part(name: str, type_id: int) -> Json:
    if name in (TEXT, PAIR):
        return {"Sequence": {"id": name[1:], "type_id": type_id}}
    return {"SpecialToken": {"id": name, "type_id": type_id}}
