"""Word error rate of transcripts, however they were made.

    python models/recipes/moonshine-tiny-en/evaluate.py REFERENCES HYPOTHESES

Both files hold a line for each utterance: its id, a tab, its text.
"""

import argparse
from pathlib import Path

from earlet_quantize.measure.words import read_transcripts, word_error_rate


def main() -> None:
    """Print the rate of one file of transcripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", type=Path)
    parser.add_argument("hypotheses", type=Path)
    arguments = parser.parse_args()
    references = read_transcripts(arguments.references)
    rate = word_error_rate(references, read_transcripts(arguments.hypotheses))
    print(f"{rate:.2f} % of words wrong in {len(references)} utterances")


if __name__ == "__main__":
    main()
