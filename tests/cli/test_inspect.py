"""`earlet bundles`, `earlet verify` and `earlet devices`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet import bundle as bundles

Call = Callable[..., tuple[int, str, str]]


def test_every_bundle_is_a_line_and_a_damaged_one_is_named(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundles.find("vad"), tmp_path / "good")
    shutil.copytree(bundles.find("vad"), tmp_path / "bad")
    (tmp_path / "bad" / "extra.txt").touch()
    (tmp_path / "no zip.zip").write_text("text")
    (tmp_path / "no bundle").mkdir()
    monkeypatch.setattr(bundles, "search_path", lambda: [tmp_path, tmp_path / "nowhere"])
    code, out, err = call("bundles")
    assert code == 1
    (line,) = out.splitlines()
    assert line.split()[0] == "vad"
    assert "voice-activity-detection" in line
    assert line.endswith(str(tmp_path / "good"))
    bad, no_zip = err.splitlines()
    assert bad == f"earlet: {tmp_path}/bad: 'extra.txt' is there and not in bundle.yaml"
    assert no_zip.startswith(f"earlet: {tmp_path}/no zip.zip: expected a bundle folder or .zip")


def test_a_name_that_would_write_on_the_terminal_is_escaped(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(bundles.find("vad"), tmp_path / "vad"))
    manifest = folder / "bundle.yaml"
    text = manifest.read_text().replace("name: vad", r'name: "v\e[31m\nad"')
    manifest.write_text(text.replace("version: 1.0.0", r'version: "\a1"'))
    monkeypatch.setattr(bundles, "search_path", lambda: [tmp_path])
    code, out, err = call("bundles")
    assert (code, err) == (0, "")
    assert out.startswith(r"v\x1b[31m\nad ")
    assert out.removesuffix("\n").isprintable()


def test_a_good_bundle_verifies(call: Call) -> None:
    code, out, err = call("verify", "vad")
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        [stage, "ok"] for stage in ("files", "manifest", "features", "network", "result")
    ]


def test_a_damaged_bundle_fails_and_the_next_one_is_still_verified(
    call: Call, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bundles.find("vad"), tmp_path / "vad"))
    network = folder / "vad.onnx"
    data = bytearray(network.read_bytes())
    data[1000] ^= 1
    network.write_bytes(data)
    code, out, err = call("verify", str(folder), "vad")
    assert (code, err) == (1, "")
    assert f"{folder}\n  files     FAILED  {network}: expected sha256 " in out
    assert out.count(" ok ") == 5


def test_a_bundle_that_is_not_there_is_told_before_any_is_run(refused: Callable[..., str]) -> None:
    assert refused("verify", "vad", "nowhere").startswith("no bundle named 'nowhere' in ")


def test_devices_are_listed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earlet.audio.portaudio.devices", lambda: ["*   0  USB Audio"])
    assert call("devices") == (0, "*   0  USB Audio\n", "")
    monkeypatch.setattr("earlet.audio.portaudio.devices", list)
    assert call("devices") == (1, "no microphone found\n", "")
