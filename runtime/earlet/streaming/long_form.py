"""Long audio window by window: each begins where the times of the one before say that it ended.

    samples -> a window (window_samples,) -> segments, and where in it the next window begins

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 3.8, and
`transcribe` of OpenAI's `whisper/transcribe.py`. As there, the text so far is told to the next
window, unless it is not believed.

In one thing it differs: features are those of the window alone, as they were in the network's
training. Whisper takes them off the whole file, whose loudest moment sets the floor of all of it;
a stream has no whole.
"""

from collections import deque
from dataclasses import replace

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment, TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError


class LongForm:
    """Samples in, segments out, with times from the first sample on.

    Keeps one window of samples, however long the stream is.
    """

    def __init__(self, recogniser: Seq2SeqRecogniser, options: TranscriptionOptions) -> None:
        """Raises InputError for what the network cannot do."""
        size = recogniser.window_samples
        if size is None:
            raise InputError(
                "sequential long form: this network writes no times to go on from; "
                "cut the sound by voice activity instead"
            )
        recogniser.check(replace(options, condition_on_previous_text=None))
        if options.condition_on_previous_text and not recogniser.max_previous:
            raise InputError(
                "condition_on_previous_text: this network cannot be told what was said before"
            )
        self._asked = options
        self._recogniser = recogniser
        self._window = np.empty(size, dtype=np.float32)
        self._remembers = options.condition_on_previous_text is not False
        self.reset()

    def push(self, samples: FloatArray) -> list[Segment]:
        """Take any number of samples; return the segments that they complete, in order."""
        segments = []
        while len(samples):
            taken = samples[: len(self._window) - self._n_kept]
            samples = samples[len(taken) :]
            self._window[self._n_kept : self._n_kept + len(taken)] = taken
            self._n_kept += len(taken)
            if self._n_kept == len(self._window):
                segments += self._advance()
        return segments

    def flush(self) -> list[Segment]:
        """The segments of what is left at the end of the stream; then it begins again."""
        segments = []
        while self._n_kept:
            segments += self._advance()
        self.reset()
        return segments

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._options = self._asked
        self._start = 0  # sample of the stream that the window begins with
        self._n_kept = 0  # samples that are in the window
        first = self._recogniser.previous(self._asked)
        self._previous = deque(first, self._recogniser.max_previous)  # tokens of what was said

    def _advance(self) -> list[Segment]:
        """The segments of the window, which then begins where they end."""
        rate, kept = self._recogniser.sample_rate, self._window[: self._n_kept]
        heard = self._recogniser.window(kept, self._options, tuple(self._previous))
        offset_s = self._start / rate
        n_done = round(heard.resume_s * rate)  # above 0: no window resumes at its beginning
        self._start += n_done
        self._n_kept -= n_done
        self._window[: self._n_kept] = kept[n_done:]
        if heard.segments:
            self._options = replace(self._options, language=heard.language)
            for segment in heard.segments:
                self._previous.extend(segment.tokens)
            if heard.forget or not self._remembers:
                self._previous.clear()
        return [_shifted(segment, offset_s) for segment in heard.segments]


def _shifted(segment: Segment, offset_s: float) -> Segment:
    return replace(
        segment,
        start_s=segment.start_s + offset_s,
        end_s=segment.end_s + offset_s,
        words=tuple(
            word._replace(start_s=word.start_s + offset_s, end_s=word.end_s + offset_s)
            for word in segment.words
        ),
    )
