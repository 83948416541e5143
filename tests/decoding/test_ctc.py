"""CTC greedy decoding, on paths whose text can be read off."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.backends import TensorSpec
from earlet.decoding.ctc import Ctc, CtcConfig, collapse
from earlet.errors import BundleError, InputError
from earlet.features.waveform import Waveform, WaveformConfig

FEATURES = Waveform(WaveformConfig(sample_rate=1_000))


class Network:
    """One output a ten samples; the sample tells which token is best."""

    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("logits", (1, None, 4)),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        best = feeds["waveform"][0, ::10].astype(int)
        return [np.eye(4, dtype=np.float32)[best][None]]

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        raise AssertionError(f"a CTC network runs once: {inputs} {outputs}")


@pytest.mark.parametrize(
    ("path", "tokens"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 0, 1, 2, 2], [1, 1, 2]),  # Graves et al., section 3.1: B(aa-abb) = aab
        ([0, 3, 3, 3, 0], [3]),
        ([2, 1, 2], [2, 1, 2]),
    ],
)
def test_repeats_are_merged_and_then_blanks_left_out(path: list[int], tokens: list[int]) -> None:
    assert collapse(path, blank=0) == tokens


def test_a_waveform_becomes_the_tokens_of_its_frames() -> None:
    ctc = Ctc(CtcConfig(blank=0, min_samples=10), FEATURES, Network())
    waveform = np.repeat(np.array([1, 1, 0, 1, 3], dtype=np.float32), 10)
    assert ctc.generate(waveform) == [1, 1, 3]
    assert ctc.generate(waveform[:9]) == []


def test_a_blank_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(BundleError, match="expected more than 4 tokens, got 4"):
        Ctc(CtcConfig(blank=4, min_samples=10), FEATURES, Network())
    with pytest.raises(InputError, match="blank"):
        CtcConfig(blank=-1, min_samples=10)
