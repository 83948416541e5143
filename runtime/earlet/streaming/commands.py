"""Typed commands in a stream: each utterance is one of them, or none.

    samples -> UtteranceStream -> who knows the commands -> Detection, Rejection

What goes on for longer than a command may is speech, and nobody is asked about it.
"""

from collections.abc import Callable

from earlet.arrays import FloatArray, Snapshot
from earlet.results import Detection, Match, Rejection
from earlet.streaming.endpointer import borders
from earlet.streaming.vad import Utterance, UtteranceStream

Matching = Callable[[FloatArray], Match | None]  # an utterance (n_samples,) -> what was said


class CommandStream:
    """Samples in, commands out, and utterances that are none."""

    def __init__(
        self,
        utterances: UtteranceStream,
        match: Matching,
        threshold: Callable[[str], float],
        refractory_ms: Callable[[str], int],
    ) -> None:
        """
        Args:
            utterances: that are no longer than a command may be.
            match: which command an utterance is, however sure.
            threshold: of a command: the least confidence in it.
            refractory_ms: of a command: after it, none is heard that begins within it.
        """
        self._utterances = utterances
        self._match = match
        self._threshold = threshold
        self._refractory_ms = refractory_ms
        self._cut_at: int | None  # the sample at which an utterance that is too long goes on
        self._deaf_until: int  # sample
        self._begin()

    def push(self, samples: FloatArray) -> list[Detection | Rejection]:
        """Take any number of samples; return what they complete, in order."""
        return [self._judge(utterance) for utterance in self._utterances.push(samples)]

    def flush(self) -> list[Detection | Rejection]:
        """What the end of the stream completes; then it begins again."""
        events = [self._judge(utterance) for utterance in self._utterances.flush()]
        self.reset()
        return events

    @property
    def is_hearing(self) -> bool:
        """Whether an utterance is open."""
        return self._utterances.ongoing is not None

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._utterances.reset()
        self._begin()

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "utterances": self._utterances.snapshot(),
            "cut_at": self._cut_at,
            "deaf_until": self._deaf_until,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._utterances.restore(snapshot["utterances"])
        self._cut_at = snapshot["cut_at"]
        self._deaf_until = snapshot["deaf_until"]

    def _begin(self) -> None:
        self._cut_at = None
        self._deaf_until = 0

    def _judge(self, utterance: Utterance) -> Detection | Rejection:
        rate = self._utterances.sample_rate
        start_s, end_s = borders(utterance.speech, utterance.span, rate)
        is_too_long = utterance.ending == "length" or utterance.speech.start == self._cut_at
        self._cut_at = utterance.speech.end if utterance.ending == "length" else None
        if is_too_long or (match := self._match(utterance.waveform)) is None:
            return Rejection("", 0.0, start_s, end_s, "not a command")
        label, score = match.template, match.confidence
        if score < self._threshold(label):
            return Rejection(label, score, start_s, end_s, "below threshold")
        if utterance.speech.start < self._deaf_until:
            return Rejection(label, score, start_s, end_s, "refractory")
        self._deaf_until = utterance.speech.end + self._refractory_ms(label) * rate // 1000
        text = match.text if match.text != label else None
        return Detection(label, score, start_s, end_s, text=text, slots=match.slots)
