"""Keeping to a share of one core, by looking less often.

    seconds of work, seconds of sound -> Budget -> hops from one look of the spotter to the next

What decides is what was used over minutes: a second stage that is asked ten times in a row, or a
machine that is busy for a moment, changes nothing that lasts.

Of 513 commands at a threshold of 0.65, commands-en 1.1.0 missed 4.3 % in quiet and 10.5 % in
kitchen noise at 10 dB where it looked at every hop, 4.5 and 10.7 % at every second, 4.3 and 11.7 %
at every third, 5.8 and 13.8 % at every fourth; it took 2.0, 1.3, 1.1 and 0.9 ms a second of sound.
"""

from earlet.errors import InputError
from earlet.streaming.cascade import MAX_STRIDE

PERIOD_S = 10.0  # seconds of sound over which the share is taken
N_PERIODS = 3  # in a row that must say the same before anything changes
ROOM = 0.9  # share of the budget that looking more often may be expected to take


class Budget:
    """Tells how often a spotter is to look."""

    def __init__(self, share: float) -> None:
        """`share` of one core, above 0 and at most 1.

        Raises:
            InputError: for another.
        """
        if not 0 < share <= 1:
            raise InputError(f"budget: expected above 0 and at most 1, got {share:g}")
        self.share = share
        self.stride = 1  # hops, 1 to MAX_STRIDE
        self.used: float | None = None  # share in the last whole period
        self._work_s = 0.0  # in this period
        self._sound_s = 0.0
        self._n_over = 0  # periods in a row that took too much,
        self._n_under = 0  # or so little that there is room to look more often

    def push(self, work_s: float, sound_s: float) -> int:
        """So much work was done for so much sound; the stride from now on."""
        self._work_s += work_s
        self._sound_s += sound_s
        if self._sound_s >= PERIOD_S:
            self.used = self._work_s / self._sound_s
            self._work_s = self._sound_s = 0.0
            self._judge(self.used)
        return self.stride

    def _judge(self, used: float) -> None:
        # Had it all been looks, so much more would a smaller stride take.
        expected = used * self.stride / max(1, self.stride - 1)
        self._n_over = self._n_over + 1 if used > self.share else 0
        self._n_under = self._n_under + 1 if expected <= ROOM * self.share else 0
        if self._n_over == N_PERIODS and self.stride < MAX_STRIDE:
            self._change(self.stride + 1)
        elif self._n_under == N_PERIODS and self.stride > 1:
            self._change(self.stride - 1)

    def _change(self, stride: int) -> None:
        self.stride = stride
        self._n_over = self._n_under = 0
