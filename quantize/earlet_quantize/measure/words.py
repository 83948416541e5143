"""Word error rate of transcripts, however they were made."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def normalize(text: str) -> list[str]:
    """The words of a text that count: lower case, no punctuation; numbers stay as written.

    Apostrophes are kept inside of words ("don't") and dropped around them, where they are also
    quotation marks. Hyphens and all other punctuation part words.
    """
    words = re.findall(r"[\w']+", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return [word.strip("'") for word in words if word.strip("'")]


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """The least number of words to substitute, insert or delete (Levenshtein distance)."""
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, start=1):
        diagonal, row[0] = row[0], i
        for j, found in enumerate(hypothesis, start=1):
            substitution = diagonal + (expected != found)
            diagonal, row[j] = row[j], min(substitution, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def word_error_rate(references: Mapping[str, str], hypotheses: Mapping[str, str]) -> float:
    """Errors over all utterances per word of the references, in percent.

    Raises:
        KeyError: when a reference has no hypothesis; an empty transcript is one that says so.
    """
    errors = words = 0
    for utterance, text in references.items():
        reference = normalize(text)
        errors += word_errors(reference, normalize(hypotheses[utterance]))
        words += len(reference)
    return 100 * errors / words


def read_transcripts(path: Path) -> dict[str, str]:
    """Lines of `id <tab> text`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {utterance: text for utterance, _, text in (line.partition("\t") for line in lines)}
