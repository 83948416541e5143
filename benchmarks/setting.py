"""What a benchmark is given: how thorough to be, and where things are."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
CACHE = ROOT / ".cache" / "recipes"  # what recipes and peers have fetched


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Of one run."""

    quick: bool = False  # two minutes for everything: few rounds, short inputs
    data: Path | None = None  # data sets beside the repository; None where there are none
    cache: Path = CACHE

    def rounds(self, thorough: int) -> int:
        """So many in a thorough run; a quick one makes do with fewer."""
        return max(3, thorough // 5) if self.quick else thorough
