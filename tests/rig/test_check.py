"""The check that README recommends."""

import pytest

from tests.rig import check
from tests.rig.virtual_microphone import VirtualMicrophone


@pytest.mark.usefixtures("virtual_microphone")
def test_a_spoken_command_starts_the_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0
    assert f'the action was run with: {{"label": "{check.COMMAND}"' in capsys.readouterr().out


@pytest.mark.usefixtures("virtual_microphone")
def test_where_nothing_is_spoken_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(VirtualMicrophone, "play", lambda *_: None)
    monkeypatch.setattr(check, "HEARD_WITHIN_S", 1.0)
    assert check.main() == 1
    assert "FAILED: the program did not print it in 1 s" in capsys.readouterr().out


def test_without_the_packages_it_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda program: program == "pipewire" or None)
    assert check.main() == 1
    needed, warning = capsys.readouterr().out.splitlines()
    assert needed.startswith("a virtual microphone needs: sudo apt install alsa-utils")
    assert "pulseaudio pulseaudio-utils" in needed
    assert "would replace PipeWire" in warning
