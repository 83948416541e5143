"""Who comes in a soak, how often, and what comes of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import httpx

from tests.server.program import Place
from tests.soak.server import rude, streams
from tests.soak.server.requests import BAD, GOOD, Request
from tests.soak.server.streams import UnexpectedError

N_GUESTS = 6  # at once
VISIT_S = 120.0  # for the longest of them, on a busy machine; then the server hangs
SHOWN = 300  # characters of an answer that is not as expected

Go = Callable[[Place], Awaitable[None]]

STREAMS: dict[str, tuple[int, Go]] = {
    "a word, live": (4, streams.spot),
    "speech, live": (2, streams.dictate),
    "a wake word": (4, streams.wake),
    "speech of Home Assistant": (2, streams.tell),
    "its description": (1, streams.introduce),
}
RUDE: dict[str, tuple[int, Go]] = {
    "hangs up": (1, streams.hang_up),
    "walks away": (1, streams.walk_away),
    "listens to nothing known": (1, streams.listen_to_nothing_known),
    "begins with sound": (1, streams.begin_with_sound),
    "sends too much": (1, streams.send_too_much),
    "says nothing": (1, rude.say_nothing),
    "gibberish": (1, rude.gibberish),
    "leaves in the head": (1, rude.leave_in_the_head),
    "leaves in the body": (1, rude.leave_in_the_body),
    "leaves before the answer": (2, rude.leave_before_the_answer),
    "announces too much": (1, rude.announce_too_much),
    "announces it twice": (1, rude.announce_it_twice),
    "no Wyoming": (1, rude.no_wyoming),
    "Wyoming of no length": (1, rude.wyoming_of_no_length),
    "Wyoming without end": (1, rude.wyoming_without_end),
    "leaves in a message": (1, rude.leave_wyoming_in_a_message),
}


@dataclass
class Visited:
    """How often each came, and what was not as it should be."""

    n_visits: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


async def visit(place: Place, n_visits: int, seed: int, look: Callable[[int], None]) -> Visited:
    """The same visits for the same seed, some at once; those to be are drawn by their weights.

    `look` is called with the number of visits that are over, after each.
    """
    visited = Visited()
    limits = httpx.Limits(max_connections=N_GUESTS, max_keepalive_connections=N_GUESTS)
    async with httpx.AsyncClient(base_url=place.url, timeout=VISIT_S, limits=limits) as client:
        drawn = iter(draw(every_visit(client), n_visits, seed))

        async def guest() -> None:
            for name, go in drawn:
                try:
                    async with asyncio.timeout(VISIT_S):
                        await go(place)
                except Exception as problem:  # noqa: BLE001  whatever it is: it is told
                    visited.problems[f"{name}: {type(problem).__name__}: {problem}"] += 1
                visited.n_visits[name] += 1
                look(visited.n_visits.total())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(N_GUESTS):
                tasks.create_task(guest())
    return visited


def every_visit(client: httpx.AsyncClient) -> dict[str, tuple[int, Go]]:
    """Name -> weight, and what is done."""
    asked = {
        name: (weight, partial(_ask, client, request))
        for name, (weight, request) in {**GOOD, **BAD}.items()
    }
    return {**asked, **STREAMS, **RUDE}


def draw(visits: dict[str, tuple[int, Go]], n_visits: int, seed: int) -> Iterator[tuple[str, Go]]:
    """Each of them once, and then by their weights."""
    generator = random.Random(seed)
    names = list(visits)
    weights = [visits[name][0] for name in names]
    drawn = generator.sample(names, len(names))
    drawn += generator.choices(names, weights, k=max(0, n_visits - len(names)))
    for name in drawn[:n_visits]:
        yield name, visits[name][1]


async def _ask(client: httpx.AsyncClient, request: Request, place: Place) -> None:
    files = {"file": ("speech.flac", request.body)} if request.form is not None else None
    answer = await client.request(
        request.method,
        request.path,
        headers={**request.headers, **place.headers},
        content=None if files else request.body,
        data=request.form,
        files=files,
    )
    if answer.status_code != request.status or request.says.lower() not in answer.text.lower():
        raise UnexpectedError(
            f"expected {request.status} with {request.says!r}, "
            f"got {answer.status_code}: {answer.text[:SHOWN]}"
        )
