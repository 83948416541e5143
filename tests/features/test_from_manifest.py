"""A bundle's `input` section becomes features, or one line that says what is wrong with it."""

import pytest

from earlet.errors import ManifestError
from earlet.features import Features, from_manifest
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.features.mfcc import Mfcc, MfccConfig
from earlet.features.waveform import Waveform, WaveformConfig


@pytest.mark.parametrize(
    ("section", "kind", "config"),
    [
        (
            {"kind": "fbank", "n_mels": 40, "f_min": 0, "window": "hann", "remove_dc": False},
            Fbank,
            FbankConfig(n_mels=40, f_min=0.0, window="hann", remove_dc=False),
        ),
        ({"kind": "log-mel", "n_mels": 128}, LogMel, LogMelConfig(n_mels=128)),
        (
            {"kind": "mfcc", "n_mels": 40, "n_mfcc": 10, "dct": "htk", "use_energy": True},
            Mfcc,
            MfccConfig(n_mels=40, n_mfcc=10, dct="htk", use_energy=True),
        ),
        (
            {"kind": "waveform", "sample_rate": 16_000},
            Waveform,
            WaveformConfig(sample_rate=16_000),
        ),
    ],
)
def test_each_kind_reads_its_own_fields(
    section: dict[str, object], kind: type, config: object
) -> None:
    features = from_manifest(section)
    assert type(features) is kind
    assert features.config == config


def test_a_whole_number_is_fine_for_a_fraction_and_becomes_one() -> None:
    features = from_manifest({"kind": "fbank", "f_min": 20})
    assert isinstance(features, Fbank)
    assert isinstance(features.config.f_min, float)


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ({"kind": "fbank", "sample_rate": 8_000, "f_max": 4_000, "n_mels": 20}, (400, 160, 20)),
        ({"kind": "log-mel"}, (400, 160, 80)),
        ({"kind": "mfcc", "win_length": 480, "hop_length": 320}, (480, 320, 13)),
        ({"kind": "waveform", "sample_rate": 8_000}, (1, 1, 1)),
    ],
)
def test_all_kinds_say_what_their_frames_are(
    section: dict[str, object], shape: tuple[int, int, int]
) -> None:
    features: Features = from_manifest(section)
    assert (features.win_length, features.hop_length, features.n_features) == shape
    assert features.sample_rate == section.get("sample_rate", 16_000)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "input: the key 'kind' is missing"),
        ({"kind": "fbanks"}, "input.kind: unknown kind 'fbanks'; did you mean 'fbank'"),
        ({"kind": "image"}, "known are fbank, log-mel, mfcc, waveform"),
        ({"kind": ["fbank"]}, "input.kind: unknown kind"),
        ({"kind": "fbank", "n_mel": 40}, "input: unknown key 'n_mel'; did you mean 'n_mels'"),
        ({"kind": "fbank", "n_mfcc": 13}, "unknown key 'n_mfcc'"),
        ({"kind": "fbank", "n_mels": "40"}, "input.n_mels: expected a whole number, got '40'"),
        ({"kind": "fbank", "n_mels": 40.0}, "input.n_mels: expected a whole number, got 40.0"),
        ({"kind": "fbank", "n_mels": True}, "input.n_mels: expected a whole number, got True"),
        ({"kind": "fbank", "f_min": False}, "input.f_min: expected a number, got False"),
        ({"kind": "fbank", "f_min": float("nan")}, "input.f_min: expected a finite number"),
        ({"kind": "fbank", "f_min": None}, "input.f_min: expected a number, got None"),
        ({"kind": "fbank", "remove_dc": 0}, "input.remove_dc: expected true or false, got 0"),
        ({"kind": "fbank", "window": "hanning"}, "input.window: expected one of hann, "),
        ({"kind": "waveform"}, "input: the key 'sample_rate' is missing"),
        ({"kind": "fbank", "hop_length": 0}, "input: need 0 < hop_length"),
        ({"kind": "fbank", "f_max": 9_000}, "input: need 0 <= f_min < f_max <= 8000 Hz"),
        ({"kind": "mfcc", "n_mfcc": 90}, "input: need 0 < n_mfcc <= n_mels, got 90, 80"),
    ],
)
def test_a_wrong_section_is_one_line_that_names_the_key(
    section: dict[str, object], message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        from_manifest(section)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_message_begins_where_the_caller_says() -> None:
    with pytest.raises(ManifestError, match=r"^spotter/bundle\.yaml: input\.n_mels: expected"):
        from_manifest({"kind": "fbank", "n_mels": "many"}, "spotter/bundle.yaml: input")
