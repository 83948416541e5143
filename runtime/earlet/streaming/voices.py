"""Where somebody spoke in a stream, for text that was cut by other means than pauses.

A network that writes times of its own writes words into silence and noise, too ("Thank you for
watching!"). A segment in which voice activity heard nobody is not believed.
"""

from collections import deque

from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment
from earlet.streaming.endpointer import Span
from earlet.streaming.vad import UtteranceStream

MAX_SPANS = 256  # of those that segments may still come for: a window of 30 s has 50 at most


class Voices:
    """Samples in; then it tells of segments, which come in order, whether anybody speaks in them.

    It is to have heard all of a segment. Speech that goes on counts as soon as it is certain.
    """

    def __init__(self, utterances: UtteranceStream) -> None:
        self._utterances = utterances
        self._spans: deque[Span] = deque(maxlen=MAX_SPANS)

    def push(self, samples: FloatArray) -> None:
        """Take any number of samples."""
        self._spans.extend(utterance.span for utterance in self._utterances.push(samples))

    def flush(self) -> None:
        """The stream has ended."""
        self._spans.extend(utterance.span for utterance in self._utterances.flush())

    def in_segment(self, segment: Segment) -> bool:
        """Whether somebody speaks in it."""
        rate = self._utterances.sample_rate
        while self._spans and self._spans[0].end <= segment.start_s * rate:
            self._spans.popleft()
        ongoing = self._utterances.ongoing
        starts = [span.start for span in self._spans]
        if ongoing is not None and ongoing.is_certain:
            starts.append(ongoing.start)
        return any(start < segment.end_s * rate for start in starts)
