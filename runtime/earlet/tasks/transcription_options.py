"""What a caller asks of a recogniser, checked once: arguments -> `TranscriptionOptions`."""

from collections.abc import Mapping, Sequence
from typing import Literal

from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.phrases.hotwords import hotwords as bonus
from earlet.decoding.phrases.hotwords import read_hotwords
from earlet.decoding.recogniser import Recogniser, Timestamps, TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.schema import convert
from earlet.tasks.generation_parameters import with_parameters

ReturnTimestamps = bool | Literal["word"]


def transcription_options(
    recogniser: Recogniser,
    *,
    return_timestamps: ReturnTimestamps,
    generation_parameters: Mapping[str, object] | None,
    language: str | None,
    task: str,
    initial_prompt: str | None,
    hotwords: Sequence[str],
) -> TranscriptionOptions:
    """The arguments of `SpeechRecognition` as options.

    Raises:
        InputError: for a wrong type, a value out of its range, and words that cannot be used.
    """
    options = TranscriptionOptions(
        language=convert(str | None, language, "language", InputError),
        task=convert(str, task, "task", InputError),
        initial_prompt=convert(str | None, initial_prompt, "initial_prompt", InputError),
        timestamps=_timestamps(return_timestamps),
        rules=_rules(recogniser, convert(tuple[str, ...], hotwords, "hotwords", InputError)),
    )
    if generation_parameters is None:
        return options
    return with_parameters(options, generation_parameters)


def _timestamps(asked: ReturnTimestamps) -> Timestamps:
    if isinstance(asked, str) and asked == "word":
        return "word"
    if not isinstance(asked, bool):
        raise InputError(f"return_timestamps: expected True, False or 'word', got {asked!r:.60}")
    return "segment" if asked else "none"


def _rules(recogniser: Recogniser, hotwords: Sequence[str]) -> tuple[LogitRule, ...]:
    if not hotwords:
        return ()
    if not isinstance(recogniser, Seq2SeqRecogniser):
        raise InputError("hotwords: expected an encoder-decoder bundle; a CTC one takes none")
    return (bonus(read_hotwords("\n".join(hotwords), "hotwords"), recogniser.speller),)
