"""A row of the table: what was compared, the ratio, the goal."""

from dataclasses import dataclass

from benchmarks.measure import Timing


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        what: ours, and what it was compared with.
        ratio: theirs divided by ours, or another figure; None where it could not be measured.
        goal: what it should be, in words.
        met: whether it is; None where there is no goal.
        detail: seconds, spreads, or why it was not measured.
    """

    what: str
    ratio: str
    goal: str
    met: bool | None
    detail: str


def versus(
    what: str, theirs: Timing, ours: Timing, at_least: float | None, per: float = 1.0, unit: str = ""
) -> Row:
    """Return the row of a comparison by wall seconds, each divided by ``per``."""
    ratio = theirs.median / ours.median

    def told(timing: Timing) -> str:
        return (
            f"{1e3 * timing.median / per:,.1f} ms wall (±{100 * timing.spread:.0f} %), "
            f"{1e3 * timing.cpu_median / per:,.1f} ms CPU"
        )

    return Row(
        what,
        f"{ratio:.1f}",
        "" if at_least is None else f"≥ {at_least:g}",
        None if at_least is None else ratio >= at_least,
        f"theirs {told(theirs)}; ours {told(ours)}{unit}",
    )


def missing(what: str, goal: str, why: str) -> Row:
    """Return the row of what could not be measured here."""
    return Row(what, "—", goal, None, why)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    met = {True: "yes", False: "no", None: ""}
    lines = ["| what | ratio | goal | met | seconds |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.ratio} | {row.goal} | {met[row.met]} | {row.detail} |" for row in rows]
    return "\n".join(lines)
