"""Every group can begin where no peer is installed, and peers that are not there are told of."""

import json
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks import install, line
from benchmarks.line import MissingError, version
from benchmarks.speed import GROUPS


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_imported_without_its_peers(group: str) -> None:
    assert callable(import_module(f"benchmarks.speed.{group}").lines)


@pytest.mark.parametrize("requirement", ["torch==2.11.0", "librosa==0.11.0"])
def test_what_pip_says_of_a_failure_is_told(
    requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pip(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        stderr = f"WARNING: slow\nERROR: no version of {command[-1]}\nhint: another\n"
        return subprocess.CompletedProcess(command, returncode=1, stdout="", stderr=stderr)

    monkeypatch.setattr(subprocess, "run", pip)
    assert install.installed(requirement) == f"ERROR: no version of {requirement}"


def test_one_that_cannot_be_installed_stops_no_other_and_light_leaves_out_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def installed(requirement: str) -> str:
        asked.append(requirement)
        return "ERROR: none for this machine" if requirement.startswith("a=") else ""

    reasons = tmp_path / "not-installed.json"
    peers = tmp_path / "peers.txt"
    peers.write_text("# who\na==1\n\nb==2\nc==3  # torch\n", encoding="utf-8")
    monkeypatch.setattr(install, "installed", installed)
    monkeypatch.setattr(install, "PEERS", peers)
    monkeypatch.setattr(install, "REASONS", reasons)
    monkeypatch.setattr("sys.argv", ["install.py", "--light"])
    install.main()
    assert asked == ["a==1", "b==2"]
    told = json.loads(reasons.read_text(encoding="utf-8"))
    assert told["a"] == "ERROR: none for this machine"
    assert "PEERS=light" in told["c"]

    monkeypatch.setattr(line, "REASONS", reasons)
    with pytest.raises(MissingError, match="c: left out: it needs torch"):
        version("c")


def test_every_peer_is_pinned() -> None:
    lines = install.PEERS.read_text(encoding="utf-8").splitlines()
    peers = [line.partition("#")[0].strip() for line in lines]
    assert all(peer.count("==") == 1 for peer in peers if peer)
