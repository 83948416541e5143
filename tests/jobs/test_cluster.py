"""A Ray cluster of two workers: the same texts as one process writes, whoever dies meanwhile."""

import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

import earlet
from earlet.errors import BackendError, InputError
from earlet.jobs import cluster, local
from earlet.jobs.plan import Item, Settings, plan

TIMEOUT_S = 120  # ends a hang
ITEM = Item(source="nowhere.wav", output=None)
JSON = Settings(format="json", timestamps="segment")


class Mortal(cluster._Actor):
    """An actor that is killed at some files, and notes beside each file who was at it."""

    def run(self, item: Mapping[str, Any]) -> dict[str, Any]:
        source = Path(item["source"])
        visitors = source.with_suffix(".visitors")
        with visitors.open("a") as file:
            print(os.getpid(), file=file)
        if source.stem == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = super().run(item)
        if source.stem == "unlucky" and len(visitors.read_text().split()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)  # the text is written, and nobody was told
        return outcome


@pytest.fixture
def ray() -> Any:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray, which is not made for every platform")
    return cluster._import_ray(cluster.ALWAYS | cluster.HERE)


@pytest.fixture
def mortal(ray: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Actors are `Mortal`."""
    monkeypatch.setattr(cluster, "_Actor", Mortal)
    # Workers cannot import this module: the class is sent to them.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def texts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.usefixtures("mortal")
def test_workers_that_are_killed_lose_no_file_and_what_kills_them_fails_alone(
    clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = shutil.copytree(clips, tmp_path / "clips")
    clip = next(clips.rglob("*.wav")).read_bytes()
    deadly, damaged, unlucky = (clips / f"{n}.wav" for n in ("deadly", "damaged", "unlucky"))
    for path, data in ((deadly, clip), (damaged, clip[:20]), (unlucky, clip)):
        path.write_bytes(data)
    items, _ = plan([str(clips)], str(tmp_path / "out"), "json")

    outcomes = list(cluster.run(items, JSON, address="local", n_workers=2))

    assert capfd.readouterr() == ("", "")  # where the texts may go, Ray has nothing to say
    assert Counter(o.item for o in outcomes) == Counter(items)  # each is answered, and once
    errors = {o.item.source: o.error for o in outcomes if o.error is not None}
    assert set(errors) == {str(damaged), str(deadly)}
    assert (errors[str(deadly)] or "").startswith(
        f"{deadly}: the worker that was at it failed, 2 times; not done: The actor died"
    )

    visits = {path.stem: path.read_text().split() for path in clips.rglob("*.visitors")}
    assert len(visits) == len(items)
    assert {name for name, pids in visits.items() if len(pids) > 1} == {"unlucky", "deadly"}
    killed = {*visits["deadly"], visits["unlucky"][0]}
    assert len(killed) == 3

    deadly.unlink()
    again, _ = plan([str(clips)], str(tmp_path / "alone"), "json")
    list(local.run(again, JSON, n_workers=1, heard=lambda *_: None))
    assert texts(tmp_path / "out") == texts(tmp_path / "alone")
    assert len(texts(tmp_path / "out")) == len(items) - 2


@pytest.mark.usefixtures("ray")
def test_the_command_prints_what_one_process_prints_and_leaves_nothing_behind(clips: Path) -> None:
    command = [sys.executable, "-m", "earlet", "transcribe", "--format", "json", str(clips)]
    with TemporaryDirectory() as scratch:  # and not tmp_path, which is too long for a socket
        alone, together = (
            subprocess.run(
                [*command, *options],
                capture_output=True,
                check=True,
                timeout=TIMEOUT_S,
                env={**os.environ, "TMPDIR": scratch, "HOME": scratch},
            )
            for options in ([], ["--ray", "local", "--jobs", "2"])
        )
        assert list(Path(scratch).iterdir()) == []
    assert together.stdout == alone.stdout
    assert together.stderr.count(b"\n") == alone.stderr.count(b"\n") == 1  # the summary


@pytest.mark.parametrize("address", ["", "6379", ":6379", "head:", "head:port", "ray://head:10001"])
@pytest.mark.usefixtures("ray")
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(
        InputError, match=r"--ray: expected HOST:PORT of a cluster's head, or local"
    ):
        next(cluster.run([ITEM], Settings(), address=address))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "127.0.0.1:99999", "a..b:6379"])
@pytest.mark.usefixtures("ray")
def test_where_no_cluster_is_one_line_says_so_at_once(address: str) -> None:
    with pytest.raises(BackendError, match="there is no cluster") as caught:
        next(cluster.run([ITEM], Settings(), address=address))
    assert str(caught.value).isprintable()


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendError, match=r"pip install 'earlet\[cluster\]'"):
        next(cluster.run([ITEM], Settings(), address="local"))


def test_a_worker_tells_what_keeps_it_from_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # it goes back afterwards
    actor, version = cluster._Actor(), earlet.__version__
    plain, vad = ({"bundle": name} for name in ("moonshine-tiny-en", "vad"))
    told = [
        actor.load(str(tmp_path / "nowhere"), plain, version),
        actor.load(str(tmp_path), plain, "0.0.1"),
        actor.load(str(tmp_path), vad, version),
    ]
    assert all((line or "").startswith(f"{platform.node()}: ") for line in told)
    for line, reason in zip(
        told, ("cannot be entered", "expected earlet 0.0.1", "not for auto"), strict=True
    ):
        assert reason in (line or "")
    assert actor.load(str(tmp_path), plain, version) is None


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "no worker was ready after 300 s; `ray status` tells whether a machine has 4 free"),
        (["node-7: expected earlet 2"], "a worker cannot start: node-7: expected earlet 2"),
        ([ConnectionError("it died\nwhy"), ConnectionError("so did it\nwhy")], "bundle: so did it"),
    ],
)
def test_a_cluster_on_which_no_worker_gets_ready_ends_the_job(
    answers: list[str | Exception], reason: str
) -> None:
    def get(_promise: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    actor = SimpleNamespace(load=SimpleNamespace(remote=lambda *_: object()))
    ray = SimpleNamespace(
        remote=lambda **_: lambda _class: SimpleNamespace(remote=lambda: actor),
        wait=lambda promises, timeout: (promises[:1] if answers else [], timeout),
        get=get,
        exceptions=SimpleNamespace(RayError=ConnectionError),
    )
    pool = cluster._Pool(ray, Settings(), n_cores=4)
    with pytest.raises(BackendError, match=reason) as caught:
        next(pool.outcomes(deque([ITEM, ITEM]), n_workers=2))
    assert str(caught.value).isprintable()
