"""The sentences that the network learns from, and those that it is measured on.

Bo Pang and Lillian Lee, "Seeing stars: Exploiting class relationships for sentiment categorization
with respect to rating scales", ACL 2005: sentences of film reviews, labelled by the review's
rating, in lower case with white space around punctuation. CC BY 4.0.
"""

import re
from pathlib import Path
from typing import NamedTuple

LABELS = ("NEGATIVE", "POSITIVE")  # as the files count them: 0, 1

# Data sets in the Penn Treebank's way write "does n't", people "doesn't". Other clitics ("film 's")
# need no care: the tokenizer makes a word of each apostrophe anyway.
_NOT = re.compile(r"(?<=[a-z])n't\b", re.IGNORECASE)


class Sentence(NamedTuple):
    """A text and the index of its label."""

    text: str
    label: int


def read(path: Path) -> list[Sentence]:
    """A file of `sentence<TAB>label` lines, in its order."""
    rows = (line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return [Sentence(text, int(label)) for text, label in rows]


def treebank(text: str) -> str:
    """ "doesn't" as "does n't"."""
    return _NOT.sub(r" \g<0>", text)
