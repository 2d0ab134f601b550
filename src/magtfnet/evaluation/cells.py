"""How a report's scores and differences read in the cells of a table."""

from collections.abc import Mapping

from magtfnet.evaluation.aggregate import AggregateReport
from magtfnet.evaluation.paired import Estimate, difference, holm, scores
from magtfnet.evaluation.wording import percent_range, plus_minus, signed

SCORE_COLUMNS = ("WA", "95 % interval", "UA", "95 % interval")


def difference_columns(reference: str) -> tuple[str, str, str]:
    """Return the headings of ``difference_cells``."""
    return f"WA against {reference}", "95 % interval", "p"


def how_to_read(reference: str, family: str) -> str:
    """Say what the scores and differences mean; ``family`` is what Holm's method corrects p for."""
    return (
        "WA and UA in percent: mean ± standard deviation over runs. Intervals and differences are of all predictions "
        "together: a paired bootstrap over utterances and runs (the seeds of a fold as one), drawn in to the two-way "
        "clustered standard error. p: "
        f"two-sided, of the difference to {reference}, no less than the exact sign test's over utterances, corrected "
        f"by Holm's method for {family}; the intervals are not corrected."
    )


def score_cells(report: AggregateReport) -> list[str]:
    """Return WA and UA, mean ± standard deviation over runs, each with its interval."""
    found = scores(report)
    return [
        plus_minus(report.weighted_accuracy.values),
        percent_range(found.weighted.interval),
        plus_minus(report.unweighted_accuracy.values),
        percent_range(found.unweighted.interval),
    ]


def difference_cells(reports: Mapping[str, AggregateReport], reference: str) -> dict[str, list[str]]:
    """Return of each report how far its WA is from the reference's, the interval, and p by Holm's method."""
    found: dict[str, Estimate] = {
        name: difference(report, reports[reference]).weighted
        for name, report in reports.items()
        if name != reference
    }
    corrected = holm([estimate.p_value for estimate in found.values()])
    cells = {
        name: [signed(estimate.value), percent_range(estimate.interval), f"{p_value:.3f}"]
        for (name, estimate), p_value in zip(found.items(), corrected, strict=True)
    }
    return {reference: ["", "", ""], **cells}
