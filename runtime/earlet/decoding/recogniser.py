"""What every kind of speech recogniser takes and gives: one utterance in, segments of text out.

    waveform (n_samples,), TranscriptionOptions -> Segment, Segment ...

`CtcRecogniser` (`ctc_recogniser.py`) and `Seq2SeqRecogniser` (`seq2seq_recogniser.py`) are the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from earlet.arrays import FloatArray
from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.decoding.generation.rules import LogitRule

Timestamps = Literal["none", "segment", "word"]


@dataclass(frozen=True, kw_only=True)
class TranscriptionOptions:
    """What a caller may ask for. What a network cannot do is an error, never ignored."""

    language: str | None = None  # "en"; None: the network finds out
    task: str = "transcribe"
    initial_prompt: str | None = None  # text that is taken to have been said before
    timestamps: Timestamps = "none"  # of what times are wanted
    generation: GenerationOptions = GREEDY
    rules: tuple[LogitRule, ...] = ()  # more of them, hotwords for one
    # When a text is not believed, and what is tried then (`fallback.py`); Whisper's values.
    temperatures: tuple[float, ...] | None = None  # in turn; None: those of the kind of network
    compression_ratio_threshold: float = 2.4  # above: the text repeats itself
    logprob_threshold: float = -1.0  # mean of a token, below: the network hardly believes it
    no_speech_threshold: float = 0.6  # above, and the text improbable: nobody speaks
    condition_on_previous_text: bool | None = None  # of windows (`streaming/long_form.py`) only


PLAIN = TranscriptionOptions()


class Word(NamedTuple):
    """A word, and where it lies, in seconds from the start of the utterance."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of an utterance and its text; times in seconds from the start of the utterance."""

    text: str
    tokens: tuple[int, ...]
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()  # where timestamps == "word"
    # Of each token, and of the end where the last segment has one. Of tokens of a prefix 0; of
    # those of CTC the mean over their outputs.
    logprobs: tuple[float, ...] = ()
    temperature: float = 0.0  # at which the text was drawn; 0: the likeliest was written
    no_speech: float | None = None  # probability that nobody speaks, where the network tells it
    language: str | None = None  # that was asked for or heard, where the network knows several


class Recogniser(Protocol):
    """A network with its tokenizer."""

    @property
    def sample_rate(self) -> int:
        """Hz."""

    def check(self, options: TranscriptionOptions) -> None:
        """Raise InputError for what this network cannot do."""

    def recognise(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions = PLAIN,
        prefix: Sequence[int] = (),
    ) -> list[Segment]:
        """The text of one utterance (n_samples,), in order; nothing where nothing is said.

        `prefix` are tokens that the text is known to begin with.
        """

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens of segments stand for."""
