"""A stretch of sound, from audio-start to audio-stop."""

from earlet.errors import InputError
from earlet.server.failures import BadRequest, TooLarge
from earlet.server.workers.stream import Stream
from earlet.server.wyoming.answers import Answer
from earlet.server.wyoming.sound import AudioFormat


class Hearing:
    """Sound goes to a stream of a worker, and what comes of it to an answer."""

    def __init__(
        self,
        model: str,
        stream: Stream,
        audio: AudioFormat,
        answer: Answer,
        max_s: float | None,
    ) -> None:
        """`model` is what listens, `max_s` how long it may last in all; None: for ever."""
        self.answer = answer
        self._model = model
        self._stream = stream
        self._audio = audio
        self._max_s = max_s
        self._n_bytes = 0

    @property
    def description(self) -> str:
        """For a log: what was done, and with how much."""
        return f"{self.answer.request} {self._model}, {self._seconds:.1f} s of sound,"

    async def push(self, data: bytes, audio: AudioFormat, timestamp: float | None) -> None:
        """Some of the sound; what it completes has been sent when this returns.

        Raises:
            Failure: it is in another format, too long, or cannot be heard.
        """
        if audio != self._audio:
            raise BadRequest(f"the sound was {self._audio} and is now {audio}; stop it in between")
        self._n_bytes += len(data)
        if self._max_s is not None and self._seconds > self._max_s:
            raise TooLarge(f"expected at most {self._max_s:g} s of sound")
        try:
            for piece in audio.pieces(data):
                await self.answer.hear(await self._stream.push(piece), timestamp)
        except InputError as problem:
            raise BadRequest(f"audio-chunk: {problem}") from None

    async def end(self) -> None:
        """Send what its end completes, and the end of the answer. Raises Failure."""
        await self.answer.hear(await self._stream.flush(), None)
        await self.answer.end()

    async def close(self) -> None:
        """Let the stream go; what has not been sent never is."""
        await self._stream.close()

    @property
    def _seconds(self) -> float:
        """Of sound so far."""
        return self._n_bytes / self._audio.frame_bytes / self._audio.rate
