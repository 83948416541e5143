"""What hotwords find, and what they cost: rare words of LibriSpeech test-other, at several boosts.

    python -m benchmarks.accuracy.hotwords [--data ../shared/data] [--beams 4]

Prints a table, as Markdown. The hotwords are the words of the references that the tokenizer spells
with three tokens or more; where there are more, such words of movie reviews, which are not said.
"found" is how many of the former are written where they are said, "invented" how many of all are
written where they are not.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import earlet
from earlet import tokenizers
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet.tokenizers import Tokenizer
from earlet_quantize.measure.words import normalize, read_transcripts, word_error_rate

ROOT = Path(__file__).parents[2]
RARE = 3  # tokens of a word
N_DISTRACTORS = 100
BOOSTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


class Score(NamedTuple):
    """Of one list of hotwords."""

    wer: float  # %
    found: int
    invented: int


class Corpus:
    """Utterances with their texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._references = read_transcripts(folder / "transcripts.tsv")
        self.text = " ".join(self._references.values())

    def count(self, words: Sequence[str]) -> int:
        """How often any of the words is said."""
        return sum(word in words for word in normalize(self.text))

    def score(
        self, asr: SpeechRecognition, words: Sequence[str], boost: float, beams: int
    ) -> Score:
        """Transcribe all utterances; a boost of zero is no hotwords."""
        entries = [f"{word} :{boost:g}" for word in words] if boost else []
        texts = {
            utterance: asr(
                self._folder / f"{utterance}.flac",
                hotwords=entries,
                generation_parameters={"num_beams": beams},
            ).text
            for utterance in self._references
        }
        found = invented = 0
        for utterance, text in texts.items():
            said, written = (
                Counter(word for word in normalize(t) if word in words)
                for t in (self._references[utterance], text)
            )
            found += (said & written).total()
            invented += (written - said).total()
        return Score(word_error_rate(self._references, texts), found, invented)


def rare(text: str, tokenizer: Tokenizer) -> list[str]:
    """The words of a text that take many tokens, each once, in alphabetical order."""
    words = {word for word in normalize(text) if word.isalpha() and word.isascii()}
    return sorted(word for word in words if len(tokenizer.ids(word)) >= RARE)


def rows(data: Path, beams: int) -> Iterator[str]:
    """The table, line by line."""
    asr = earlet.pipeline("automatic-speech-recognition", ROOT / "models" / "moonshine-tiny-en")
    tokenizer = tokenizers.from_json(asr.bundle.read_text("tokenizer.json"), "tokenizer.json")
    corpus = Corpus(data / "speech" / "librispeech-test-other")
    words = rare(corpus.text, tokenizer)
    reviews = (data / "text" / "sentiment" / "train.tsv").read_text(encoding="utf-8")
    others = sorted({*rare(reviews, tokenizer)} - {*normalize(corpus.text)})
    distractors = random.Random(0).sample(others, N_DISTRACTORS)  # noqa: S311
    n_said = corpus.count(words)
    yield "| beams | hotwords | boost | WER, % | found | invented |"
    yield "|---|---|---|---|---|---|"
    for n_beams in (1, beams):
        for listed in (words, words + distractors):
            for boost in BOOSTS if listed is words else BOOSTS[1:]:
                result = corpus.score(asr, listed, boost, n_beams)
                n_listed = len(listed) if boost else 0
                yield (
                    f"| {n_beams} | {n_listed} | {boost:g} | {result.wer:.2f} "
                    f"| {result.found} of {n_said} | {result.invented} |"
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--beams", type=int, default=4)
    arguments = parser.parse_args()
    for row in rows(arguments.data, arguments.beams):
        sys.stdout.write(row + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
