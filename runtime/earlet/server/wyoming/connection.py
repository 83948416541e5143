"""One client: its requests, one after the other.

    transcribe, detect   what is wanted of the sound that follows; it holds until the next
    audio-start          a stream is opened; whoever starts anew abandons what was before
    audio-chunk          ... also without a start, as wake word satellites send it
    audio-stop           the answer ends
    describe, ping, select-program

While a worker computes, nothing more is read: TCP makes the client wait. Whatever goes wrong is
told by `error`, and ends the connection, for Home Assistant waits for one or the other.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Pong

from earlet.schema import nearest
from earlet.server.failures import Draining, Failure, Internal, NotFound, TooSlow
from earlet.server.models import Model, has_choice, language_of, recognisers
from earlet.server.served import Served
from earlet.server.wyoming import programs
from earlet.server.wyoming.answers import Answer, Transcription, Words
from earlet.server.wyoming.hearing import Hearing
from earlet.server.wyoming.messages import close, read_event, say_farewell, send_event
from earlet.server.wyoming.requests import Detect, Moment, Ping, SelectProgram, Transcribe, told
from earlet.server.wyoming.sound import AudioFormat

log = logging.getLogger("earlet.serve")
access = logging.getLogger("earlet.serve.access")

SOUND_S = 60.0  # without any, in the middle of some, a stream is given back


class Connection:
    """Answers until the client is gone, or something is wrong."""

    def __init__(
        self, served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.idle_since: float | None = None  # by the loop's clock; None: it is about something
        self._served = served
        self._reader = reader
        self._writer = writer
        self._request: Transcribe | Detect | None = None
        self._program: str | None = None  # that is selected
        self._hearing: Hearing | None = None
        self._handlers = {
            "describe": self._describe,
            "ping": self._ping,
            "select-program": self._select,
            "transcribe": self._transcribe,
            "detect": self._detect,
            "audio-start": self._start,
            "audio-chunk": self._chunk,
            "audio-stop": self._stop,
        }

    @property
    def is_awaited(self) -> bool:
        """Whether the client is owed an answer."""
        return self._hearing is not None and self._hearing.answer.is_awaited

    async def run(self) -> None:
        """Answer; the connection is closed afterwards, whatever happens."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(close, self._writer)
            stack.push_async_callback(self._abandon)
            failure = await self._answered()
            if failure is not None:
                await self._abandon()
                access.info("Wyoming %s %s: %s", failure.kind, self._peer, failure.message)
                error = Error(text=failure.message, code=failure.kind).event()
                await say_farewell(error, self._reader, self._writer)

    async def _answered(self) -> Failure | None:
        """Answer until the client leaves, or there is something that it must be told."""
        try:
            while (event := await self._next()) is not None:
                # What is unknown here is dropped, as the protocol asks for.
                if handler := self._handlers.get(event.type):
                    await handler(event)
                if self._served.is_draining and not self.is_awaited:
                    break
        except Failure as failure:
            return failure
        except OSError as problem:  # also where a network is gone, and not only the client
            access.info("Wyoming lost %s: %s", self._peer, problem)
        except Exception:
            log.exception("a fault of earlet, in answering Wyoming")
            return Internal()
        return None

    async def _next(self) -> Event | None:
        """The next message; a stream whose sound stays away is given back."""
        if self._hearing is not None:
            try:
                return await read_event(self._reader, SOUND_S)
            except TimeoutError:
                # A satellite keeps its sound to itself while somebody talks to it.
                if self.is_awaited:
                    raise TooSlow(f"nothing has come for {SOUND_S:g} s") from None
                await self._abandon()
        self.idle_since = asyncio.get_running_loop().time()
        try:
            return await read_event(self._reader, None)
        finally:
            self.idle_since = None

    async def _send(self, event: Event) -> None:
        await send_event(event, self._writer)

    async def _abandon(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            access.info("Wyoming %s %s", hearing.description, self._peer)
            await hearing.close()

    async def _describe(self, _event: Event) -> None:
        await self._send(programs.info(self._models).event())

    async def _ping(self, event: Event) -> None:
        await self._send(Pong(text=told(Ping, event).text).event())

    async def _select(self, event: Event) -> None:
        name, known = told(SelectProgram, event).name, programs.names(self._models)
        if name not in known:
            raise NotFound(f"name: no such program: {name!r}{nearest(name, known)}", field="name")
        self._program = name

    async def _transcribe(self, event: Event) -> None:
        await self._abandon()
        self._request = told(Transcribe, event)

    async def _detect(self, event: Event) -> None:
        await self._abandon()
        self._request = told(Detect, event)

    async def _start(self, event: Event) -> None:
        await self._abandon()
        await self._hear(told(AudioFormat, event))

    async def _chunk(self, event: Event) -> None:
        audio = told(AudioFormat, event)
        hearing = self._hearing or await self._hear(audio)
        await hearing.push(event.payload or b"", audio, told(Moment, event).timestamp)

    async def _stop(self, _event: Event) -> None:
        if self._hearing is None:  # there was no sound at all
            answer, *_ = self._wanted()
            await answer.begin()
            await answer.end()
            return
        await self._hearing.end()
        await self._abandon()

    async def _hear(self, audio: AudioFormat) -> Hearing:
        if self._served.is_draining:
            raise Draining
        answer, model, options = self._wanted()
        stream = await self._served.pool.open(model, {**audio.options, **options})
        max_s = self._served.config.max_audio_s if answer.is_awaited else None
        self._hearing = Hearing(model, stream, audio, answer, max_s)
        await answer.begin()
        return self._hearing

    def _wanted(self) -> tuple[Answer, str, Mapping[str, object]]:
        """What is to be told of the sound, by which model, with which options of its stream.

        Raises:
            NotFound: no model is there for it.
            BadRequest: the model does not know the language.
        """
        request = self._request or self._usual
        if isinstance(request, Detect):
            names = request.names or ()
            model = programs.spotter(self._models, names, self._program)
            others = [word for word in programs.wake_words(model) if names and word not in names]
            labels = {word: {"threshold": programs.NEVER} for word in others}
            return Words(self._send), model.name, {"labels": labels}
        model = programs.recogniser(self._models, request.name, request.language)
        language = language_of(model, request.language)
        options = {"language": language} if has_choice(model) else {}
        return Transcription(self._send, language), model.name, options

    @property
    def _usual(self) -> Transcribe | Detect:
        """What is meant by whoever sends nothing but sound."""
        is_spotter = self._program not in (None, programs.PROGRAM)
        if is_spotter or not recognisers(self._models):
            return Detect()
        return Transcribe()

    @property
    def _models(self) -> Mapping[str, Model]:
        return self._served.pool.models

    @property
    def _peer(self) -> str:
        peer = self._writer.get_extra_info("peername")
        return str(peer[0]) if peer else "-"
