"""How scores read wherever they are shown: percentages with two digits."""

import math
import statistics
from collections.abc import Sequence

from magtfnet.evaluation.intervals import Interval


def percent(share: float) -> str:
    """Return a share as a percentage with two digits; a dash for NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.2f}"


def percent_range(interval: Interval | None) -> str:
    """Return an interval of shares as ``68.60 to 84.46``; nothing for None."""
    return "" if interval is None else f"{percent(interval[0])} to {percent(interval[1])}"


def signed(share: float) -> str:
    """Return a difference of shares in points, with its sign."""
    return f"{100 * share:+.2f}"


def plus_minus(shares: Sequence[float]) -> str:
    """Return mean ± standard deviation (over n - 1) of runs; the score alone of one run."""
    mean = percent(statistics.mean(shares))
    return mean if len(shares) < 2 else f"{mean} ± {percent(statistics.stdev(shares))}"
