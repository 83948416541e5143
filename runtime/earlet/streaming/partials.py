"""What is being said, while somebody still says it.

    samples -> UtteranceStream
        every INTERVAL_S: the open utterance so far -> recogniser -> Agreement -> Partial
        where one ends:   all of it                 -> recogniser               -> Final

What is promised (`agreement.py`) is never withdrawn: the next decodes are told to begin with it.
The final one is free, so that it is what a file would have given; only if it breaks a promise, it
is made again and told as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from earlet.arrays import FloatArray, Snapshot
from earlet.decoding.fallback import greedy
from earlet.decoding.recogniser import PLAIN, Recogniser, Segment, TranscriptionOptions, Word
from earlet.results import Partial, Timestamp
from earlet.streaming.agreement import Agreement
from earlet.streaming.endpointer import Span, borders
from earlet.streaming.vad import Utterance, UtteranceStream

INTERVAL_S = 0.5  # seconds of the stream between two decodes of the open utterance


class Final(NamedTuple):
    """An utterance that has ended, and its text."""

    utterance: Utterance
    segments: list[Segment]  # one or more, with times from the start of the utterance

    def segment(self, sample_rate: int) -> Segment:
        """All of it as one, with the times of the stream."""
        offset_s = self.utterance.span.start / sample_rate
        start_s, end_s = borders(self.utterance.speech, self.utterance.span, sample_rate)
        words = (word for segment in self.segments for word in segment.words)
        return replace(
            self.segments[0],
            text=" ".join(segment.text for segment in self.segments),
            start_s=start_s,
            end_s=end_s,
            words=tuple(
                Word(word.text, word.start_s + offset_s, word.end_s + offset_s) for word in words
            ),
        )


class LiveTranscriber:
    """Samples in; partial results and finals out.

    Partial results come at the same samples for any chunking. What is open is decoded again as a
    whole, so that it takes the more time the longer the utterance is: who falls behind says so, and
    gets none until they have caught up. Memory is that of the `UtteranceStream`.
    """

    def __init__(
        self,
        utterances: UtteranceStream,
        recogniser: Recogniser,
        options: TranscriptionOptions = PLAIN,
    ) -> None:
        """`options` are those of the finals; partial results are written greedily."""
        self._utterances = utterances
        self._recogniser = recogniser
        self._options = options
        generation = greedy(options.generation)
        self._quick = replace(
            options, timestamps="none", generation=generation, temperatures=(0.0,)
        )
        self._interval = round(INTERVAL_S * utterances.sample_rate)
        self._n_since = 0  # samples since the last multiple of the interval
        self._begin()

    def push(self, samples: FloatArray, *, late: bool = False) -> list[Partial | Final]:
        """Take any number of samples; return what they give rise to, in order.

        `late`: more sound is waiting already, so that there is no time for partial results.
        """
        events: list[Partial | Final] = []
        while len(samples):
            piece = samples[: self._interval - self._n_since]
            samples = samples[len(piece) :]
            for utterance in self._utterances.push(piece):
                events += self._end(utterance)
            self._n_since = (self._n_since + len(piece)) % self._interval
            if not self._n_since and not late:
                events += self._look()
        return events

    def flush(self) -> list[Partial | Final]:
        """What the end of the stream gives rise to; then it begins again."""
        events = [event for u in self._utterances.flush() for event in self._end(u)]
        self.reset()
        return events

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._utterances.reset()
        self._n_since = 0
        self._begin()

    @property
    def is_hearing(self) -> bool:
        """Whether an utterance is open."""
        return self._utterances.ongoing is not None

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "utterances": self._utterances.snapshot(),
            "n_since": self._n_since,
            "agreement": self._agreement.snapshot(),
            "shown": [*self._shown],
            "speech_end": self._speech_end,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._begin()
        self._utterances.restore(snapshot["utterances"])
        self._n_since = snapshot["n_since"]
        self._agreement.restore(snapshot["agreement"])
        text, stable = snapshot["shown"]
        self._shown = text, stable
        self._speech_end = snapshot["speech_end"]

    def _begin(self) -> None:
        self._agreement = Agreement(self._recogniser.text)
        self._shown = ("", "")  # text and promise of the last partial result
        self._speech_end = 0  # sample up to which speech had been heard then

    def _look(self) -> list[Partial | Final]:
        """Decode the open utterance, if there was speech since the last time."""
        ongoing = self._utterances.ongoing
        if ongoing is None or not ongoing.is_certain or ongoing.speech.end == self._speech_end:
            return []
        self._speech_end = ongoing.speech.end
        heard = Span(ongoing.start, ongoing.heard)
        promised = self._agreement.promised
        waveform = self._utterances.heard(heard)
        segments = self._recogniser.recognise(waveform, self._quick, promised)
        tokens = _tokens(segments)
        if tokens[: len(promised)] != promised:
            return []  # it believes that nobody speaks
        # A promise must not reach beyond where an utterance that gets too long is cut.
        if heard.end <= ongoing.earliest_cut:
            self._agreement.add(tokens, _logprobs(segments))
        shown = self._recogniser.text(tokens), self._recogniser.text(self._agreement.promised)
        if shown == self._shown:
            return []
        self._shown = shown
        return [Partial(*shown, self._timestamp(ongoing.speech, heard))]

    def _end(self, utterance: Utterance) -> list[Partial | Final]:
        """The text of an utterance; where it has none, what was shown is withdrawn."""
        promised, shown = self._agreement.promised, self._shown
        self._begin()
        segments = self._recogniser.recognise(utterance.waveform, self._options)
        words = self._recogniser.text(promised).split()
        if [word for s in segments for word in s.text.split()][: len(words)] != words:
            segments = self._told(utterance, promised)
        if segments:
            return [Final(utterance, segments)]
        return (
            [Partial("", "", self._timestamp(utterance.speech, utterance.span))]
            if any(shown)
            else []
        )

    def _told(self, utterance: Utterance, promised: tuple[int, ...]) -> list[Segment]:
        """The text of an utterance that begins as was promised."""
        segments = self._recogniser.recognise(utterance.waveform, self._options, promised)
        if _tokens(segments)[: len(promised)] == promised:
            return segments
        # It believes by now that nobody spoke, or that the promise was a loop.
        end_s = len(utterance.waveform) / self._utterances.sample_rate
        text = self._recogniser.text(promised)
        words = (Word(text, 0.0, end_s),) if self._options.timestamps == "word" else ()
        return [Segment(text=text, tokens=promised, start_s=0.0, end_s=end_s, words=words)]

    def _timestamp(self, speech: Span, within: Span) -> Timestamp:
        return borders(speech, within, self._utterances.sample_rate)


def _tokens(segments: Sequence[Segment]) -> tuple[int, ...]:
    return tuple(token for segment in segments for token in segment.tokens)


def _logprobs(segments: Sequence[Segment]) -> tuple[float, ...]:
    """Of each token."""
    return tuple(logprob for s in segments for logprob in s.logprobs[: len(s.tokens)])
