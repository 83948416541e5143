"""Some of the visits that `make soak-server` has for an hour; and that it can fail."""

import asyncio
from pathlib import Path

import httpx

from tests.server.program import Place
from tests.soak.server.__main__ import soak
from tests.soak.server.visits import Visited, draw, every_visit, visit

N_VISITS = 250  # each kind of them at least once
LEAVING = {  # without an answer
    *("walks away", "says nothing", "leaves before the answer"),
    *("leaves in the head", "leaves in the body", "leaves in a message"),
}


def test_every_visitor_gets_the_right_answer_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = soak(N_VISITS, tmp_path)
    assert list(done.problems()) == []
    assert done.visited.n_visits.total() == N_VISITS
    assert len(done.readings.of) > 1  # the server, and who computes


def test_visits_are_the_same_for_the_same_seed_and_each_comes_once() -> None:
    visits = every_visit(httpx.AsyncClient())
    first, same, other = ([name for name, _ in draw(visits, N_VISITS, seed)] for seed in (0, 0, 1))
    assert first == same != other
    assert set(first[: len(visits)]) == set(visits)
    assert len(first) == N_VISITS


def test_a_server_that_says_yes_to_everything_is_found_out() -> None:
    async def say_yes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 20)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
        await writer.drain()
        writer.close()

    async def visited() -> tuple[Visited, set[str]]:
        async with await asyncio.start_server(say_yes, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            place = Place(port, port)
            names = set(every_visit(httpx.AsyncClient()))
            return await visit(place, len(names), 0, lambda _: None), names

    found, names = asyncio.run(visited())
    assert {problem.partition(":")[0] for problem in found.problems} == names - LEAVING
