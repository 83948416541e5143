"""A virtual microphone, where the packages for one are installed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rig.check import recording_of_command
from tests.rig.virtual_microphone import VirtualMicrophone, missing_packages


@pytest.fixture(scope="module")
def virtual_microphone() -> Iterator[Callable[..., VirtualMicrophone]]:
    """`virtual_microphone("a", "b")`: where two can be plugged in; it ends with the module."""
    if missing := missing_packages():
        pytest.skip(f"needs a real PortAudio: apt install {' '.join(missing)}")
    with ExitStack() as running:
        yield lambda *names: running.enter_context(VirtualMicrophone(*names))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of `check.COMMAND`."""
    return recording_of_command(tmp_path_factory.mktemp("command"))
