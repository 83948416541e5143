"""What must be heard before a spotter is woken: something louder than the room, or a voice.

    hop -> EnergyGate: power against the noise floor, by minimum statistics -> open or not
        -> SpeechGate: and then the probability of speech                   -> open or not

The floor is the least power of the last seconds, as in Martin, "Noise power spectral density
estimation based on optimal smoothing and minimum statistics", 2001, of the whole band: speech has
pauses, so that the floor stays that of the room while somebody speaks.

Of 513 commands 3 s apart, clean, 55 dB below full scale, and in noise of any of six kinds at 10, 5
and 0 dB, commands-en 1.1.0 heard the same with an EnergyGate and without, event by event. Asleep,
it costs a tenth of what it does awake (0.16 and 1.8 ms a second of sound). It sleeps in a quiet
room and through a steady hiss, and not through a rumble or a clatter.
"""

import math
from collections import deque

import numpy as np

from earlet.arrays import FloatArray, Snapshot
from earlet.streaming.blocks import Reblocker
from earlet.streaming.vad import Network, SpeechProbability, VadConfig

LOUDER = 10 ** (3.0 / 10)  # times the floor, in power: 3 dB
QUIETEST = 10 ** (-80.0 / 10)  # power of what is never anything: 80 dB below full scale
FLOOR_S = 8.0  # seconds over which the least power is the floor
N_PARTS = 8  # of that time: the oldest is forgotten as a whole
# A spotter answers up to 0.75 s after the end of a word, and a word ends quietly.
HANG_OVER_S = 1.2
BEFORE_S = 0.5  # seconds of sound before it was woken that voice activity is given, too


class EnergyGate:
    """Open while something is louder than the room, and for HANG_OVER_S after it."""

    def __init__(self, hop_length: int, sample_rate: int) -> None:
        hop_s = hop_length / sample_rate
        self._hang_over = _hops(HANG_OVER_S, hop_s)
        self._part = _hops(FLOOR_S / N_PARTS, hop_s)
        self._n_hops = 0
        self._open_for = self._hang_over  # hops; it is open until the floor is known
        self._least = deque([math.inf], N_PARTS)  # power of each part, the present one last

    def push(self, hop: FloatArray) -> bool:
        """Take the next hop, (hop_length,)."""
        power = float(np.dot(hop, hop)) / len(hop) - float(hop.mean()) ** 2
        self._least[-1] = min(self._least[-1], power)
        self._n_hops += 1
        if self._n_hops % self._part == 0:
            self._least.append(power)
        self._open_for -= 1
        if power > QUIETEST and power > LOUDER * min(self._least):
            self._open_for = self._hang_over
        return self._open_for > 0

    def reset(self) -> None:
        """Begin again, as if it had just been opened."""
        self._n_hops = 0
        self._open_for = self._hang_over
        self._least = deque([math.inf], N_PARTS)

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "n_hops": self._n_hops,
            "least": [float(power) for power in self._least],
            "open_for": self._open_for,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._n_hops = snapshot["n_hops"]
        self._least = deque(snapshot["least"], N_PARTS)
        self._open_for = snapshot["open_for"]


class SpeechGate:
    """Open while somebody speaks, and for HANG_OVER_S after it; asleep while an EnergyGate is shut.

    It does not pay for a small spotter: in speech commands-en 1.1.0 takes 1.8 ms a second of sound,
    and both take 2.9; nowhere do they take less than with an EnergyGate alone. It is for a larger
    one, or one that fires on what is no voice. Of 513 commands it lost 2 in quiet, and 3 in kitchen
    noise at 10 dB.
    """

    def __init__(
        self,
        config: VadConfig,
        network: Network,
        energy: EnergyGate | None,
        hop_length: int,
        sample_rate: int,
    ) -> None:
        self._threshold = config.neg_threshold  # what may still be speech is let through
        self._probability = SpeechProbability(config, network)
        self._windows = Reblocker(config.window_samples)
        self._energy = energy
        hop_s = hop_length / sample_rate
        self._hang_over = _hops(HANG_OVER_S, hop_s)
        # The last hops that it slept through.
        self._before: deque[FloatArray] = deque(maxlen=_hops(BEFORE_S, hop_s))
        self._is_awake = True
        self._open_for = 0

    def push(self, hop: FloatArray) -> bool:
        """Take the next hop, (hop_length,)."""
        if self._energy is not None and not self._energy.push(hop):
            if self._is_awake:
                self._sleep()
            self._before.append(hop.copy())
            return False
        self._is_awake = True
        self._open_for -= 1
        windows = self._windows.push(np.concatenate([*self._before, hop]))
        if (self._probability.push(windows.ravel()) >= self._threshold).any():
            self._open_for = self._hang_over
        self._before.clear()
        return self._open_for > 0

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""
        if self._energy is not None:
            self._energy.reset()
        self._sleep()
        self._before.clear()
        self._is_awake = True

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "probability": self._probability.snapshot(),
            "windows": self._windows.snapshot(),
            "energy": None if self._energy is None else self._energy.snapshot(),
            "before": [hop.copy() for hop in self._before],
            "is_awake": self._is_awake,
            "open_for": self._open_for,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._probability.restore(snapshot["probability"])
        self._windows.restore(snapshot["windows"])
        if self._energy is not None:
            self._energy.restore(snapshot["energy"])
        self._before.clear()
        self._before.extend(np.array(hop, dtype=np.float32) for hop in snapshot["before"])
        self._is_awake = snapshot["is_awake"]
        self._open_for = snapshot["open_for"]

    def _sleep(self) -> None:
        self._probability.reset()
        self._windows.reset()
        self._is_awake = False
        self._open_for = 0


def _hops(duration_s: float, hop_s: float) -> int:
    """How many hops a time has: one at least, however long a hop is."""
    return max(1, round(duration_s / hop_s))
