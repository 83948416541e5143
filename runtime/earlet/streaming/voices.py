"""Where somebody spoke in a stream, for text that was cut by other means than pauses.

A network that writes times of its own writes words into silence and noise, too ("Thank you for
watching!"). A segment in which voice activity heard nobody is not believed.
"""

import math
from collections import deque
from collections.abc import Iterable

from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment
from earlet.streaming.endpointer import Span
from earlet.streaming.vad import UtteranceStream

MAX_LAG_S = 600.0  # seconds from a sound to the segment that it is in: no window is as long


class Voices:
    """Samples and segments in; out come the segments in which somebody speaks.

    A segment waits until that is known, which may take what comes after it: whether a sound at its
    end goes on as speech. So the same segments come out however the stream is cut.
    """

    def __init__(self, utterances: UtteranceStream) -> None:
        self._utterances = utterances
        self.reset()

    def push(self, samples: FloatArray, segments: Iterable[Segment]) -> list[Segment]:
        """The next samples, and the next segments, in order, of what was heard up to their end."""
        self._n_samples += len(samples)
        self._spans.extend(utterance.span for utterance in self._utterances.push(samples))
        self._waiting.extend(segments)
        return self._settled(self._utterances.earliest)

    def flush(self, segments: Iterable[Segment]) -> list[Segment]:
        """The last segments at the end of the stream; then it begins again."""
        self._spans.extend(utterance.span for utterance in self._utterances.flush())
        self._waiting.extend(segments)
        settled = self._settled(math.inf)
        self.reset()
        return settled

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._utterances.reset()
        self._spans: deque[Span] = deque()
        self._waiting: deque[Segment] = deque()
        self._n_samples = 0

    def _settled(self, earliest: float) -> list[Segment]:
        """Those that somebody speaks in; no utterance is to come that begins before `earliest`."""
        rate = self._utterances.sample_rate
        settled = []
        while self._waiting:
            start, end = self._waiting[0].start_s * rate, self._waiting[0].end_s * rate
            spoken = self._is_spoken(start, end)
            if not spoken and earliest < end:
                break
            segment = self._waiting.popleft()
            if spoken:
                settled.append(segment)
        while self._spans and self._spans[0].end < self._n_samples - MAX_LAG_S * rate:
            self._spans.popleft()
        return settled

    def _is_spoken(self, start: float, end: float) -> bool:
        """Whether somebody certainly speaks between two samples."""
        ongoing = self._utterances.ongoing
        if ongoing is not None and ongoing.is_certain and ongoing.start < end:
            return True
        return any(span.start < end and span.end > start for span in self._spans)
