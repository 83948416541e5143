"""What a setting misses, how often it fires on nothing, and which one suits a target."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from earlet.results import Detection
from earlet.tuning.rates import CONFIDENCE, at_most_per_hour, share_within
from earlet.tuning.trial import Setting


@dataclass(frozen=True)
class Said:
    """A recording of a command, and where it lies in the stream that was played."""

    label: str
    start_s: float
    end_s: float  # until then an answer is one to this recording


@dataclass(frozen=True)
class Outcome:
    """One setting, counted."""

    setting: Setting
    n_said: int  # recordings of commands
    n_missed: int  # those that their own label did not answer
    n_wrong: int  # detections among them that answer none
    n_false: int  # detections in what is no command
    hours: float  # of that

    @property
    def missed(self) -> float:
        """Share of the commands, 0..1."""
        return self.n_missed / self.n_said

    @property
    def missed_within(self) -> tuple[float, float]:
        """Its exact interval at CONFIDENCE."""
        return share_within(self.n_missed, self.n_said)

    @property
    def per_hour(self) -> float:
        """False alarms."""
        return self.n_false / self.hours

    @property
    def per_hour_below(self) -> float:
        """What their rate is below at CONFIDENCE."""
        return at_most_per_hour(self.n_false, self.hours)

    def to_json(self) -> dict[str, object]:
        """Counts, rates and bounds."""
        return {
            "threshold": self.setting.threshold,
            "smoothing": self.setting.smoothing,
            "commands": self.n_said,
            "missed": self.missed,
            "missed_within": list(self.missed_within),
            "wrong": self.n_wrong,
            "hours": self.hours,
            "false_alarms": self.n_false,
            "false_alarms_per_hour": self.per_hour,
            "false_alarms_per_hour_below": self.per_hour_below,
            "confidence": CONFIDENCE,
        }


def answers(said: Sequence[Said], detections: Iterable[Detection]) -> tuple[int, int]:
    """How many commands were missed, and how many detections answer none.

    A second answer to the same command is none.
    """
    open_ = list(said)
    n_wrong = 0
    for heard in detections:
        answered = next(
            (s for s in open_ if s.label == heard.label and s.start_s < heard.end_s <= s.end_s),
            None,
        )
        if answered is None:
            n_wrong += 1
        else:
            open_.remove(answered)
    return len(open_), n_wrong


def best(outcomes: Iterable[Outcome], target_per_hour: float) -> Outcome:
    """The setting with the fewest commands missed or answered wrongly, of those that keep to the
    target.

    Of equals the one with fewer false alarms, then the stricter one. Where none keeps to it: the
    one with the fewest false alarms.
    """
    outcomes = list(outcomes)
    kept = [outcome for outcome in outcomes if outcome.per_hour <= target_per_hour]
    if not kept:
        return min(outcomes, key=lambda o: (o.n_false, o.n_missed, -o.setting.threshold))
    return min(kept, key=lambda o: (o.n_missed + o.n_wrong, o.n_false, -o.setting.threshold))


def outcomes(
    said: Sequence[Said],
    in_commands: Mapping[Setting, Sequence[Detection]],
    in_others: Mapping[Setting, Sequence[Detection]],
    hours: float,
) -> list[Outcome]:
    """Every setting, counted; in their order."""
    tuned = {command.label for command in said}
    counted = []
    for setting, detections in in_commands.items():
        n_missed, n_wrong = answers(said, detections)
        n_false = sum(heard.label in tuned for heard in in_others[setting])
        counted.append(Outcome(setting, len(said), n_missed, n_wrong, n_false, hours))
    return counted
