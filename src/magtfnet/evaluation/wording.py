"""How scores read wherever they are shown: percentages with two digits."""

import math

from magtfnet.evaluation.intervals import Interval


def percent(share: float) -> str:
    """Return a share as a percentage with two digits; a dash for NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.2f}"


def percent_range(interval: Interval | None) -> str:
    """Return an interval of shares as ``68.60 to 84.46``; nothing for None."""
    return "" if interval is None else f"{percent(interval[0])} to {percent(interval[1])}"
