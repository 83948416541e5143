"""The virtual microphone itself: nothing is left behind, and what fails says why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig.virtual_microphone import VirtualMicrophone


@pytest.mark.usefixtures("virtual_microphone")
def test_it_leaves_no_process_and_no_file() -> None:
    with VirtualMicrophone("desk") as microphone:
        microphone.plug_in("desk", noise=True)
        assert processes_in(microphone.folder)
        assert microphone.folder.is_dir()
    assert not processes_in(microphone.folder)
    assert not microphone.folder.exists()


def processes_in(folder: Path) -> list[str]:
    """Those whose environment names it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:  # it has ended, or is another user's
            continue
    return found


def test_what_is_played_to_none_is_an_error(
    virtual_microphone: Callable[..., VirtualMicrophone], command: Path
) -> None:
    microphone = virtual_microphone("desk")
    with pytest.raises(RuntimeError, match="paplay --device=desk"):
        microphone.play(command, "desk")
