"""What may be named as a source, and what cannot go with it."""

import os
from pathlib import Path

import pytest

from earlet.audio.microphone import Microphone
from earlet.audio.pcm import PcmPipe
from earlet.audio.recordings import Recordings
from earlet.audio.source import Source, open_source
from earlet.audio.tcp import TcpSource
from earlet.errors import InputError


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("mic", Microphone),
        ("tcp://localhost:9000", TcpSource),
        ("clip.wav", Recordings),
        (".", Recordings),
    ],
)
def test_a_source_is_told_by_its_name(
    source: str, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").touch()
    monkeypatch.chdir(tmp_path)
    found: Source = open_source(source, sample_rate=8_000)
    assert isinstance(found, kind)
    assert found.sample_rate == 8_000
    assert found.is_live == (kind is not Recordings)


def test_a_pipe_on_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    monkeypatch.setattr("earlet.audio.source.STDIN", read_end)
    os.write(write_end, bytes(640))
    os.close(write_end)
    source = open_source("-")
    assert isinstance(source, PcmPipe)
    with source:
        assert [len(chunk) for chunk in source] == [320]
    os.close(read_end)


def test_a_terminal_a_folder_or_nothing_on_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr("earlet.audio.source.STDIN", folder)
    with pytest.raises(InputError, match="standard input is a folder; try: arecord"):
        open_source("-")
    os.close(folder)
    main_end, terminal = os.openpty()
    monkeypatch.setattr("earlet.audio.source.STDIN", terminal)
    with pytest.raises(InputError, match="standard input is a terminal; try: arecord"):
        open_source("-")
    os.close(terminal)
    with pytest.raises(InputError, match="standard input is closed; try: arecord"):
        open_source("-")
    os.close(main_end)


@pytest.mark.parametrize("source", ["-", "tcp://localhost:9000", "clip.wav"])
def test_a_device_and_a_channel_belong_to_a_microphone(source: str) -> None:
    with pytest.raises(InputError, match=f"device belongs to a microphone.* source is {source}"):
        open_source(source, device=3)
    with pytest.raises(InputError, match="channel belongs to a microphone"):
        open_source(source, channel=0)
