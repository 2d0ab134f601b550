"""How a report's scores and differences read in the cells of a table."""

from collections.abc import Mapping

from magtfnet.evaluation.aggregate import AggregateReport
from magtfnet.evaluation.paired import Estimate, difference, holm, scores
from magtfnet.evaluation.wording import percent, percent_range, plus_minus, signed

SCORE_COLUMNS = ("WA", "WA of all (95 % interval)", "UA", "UA of all (95 % interval)")


def difference_columns(reference: str) -> tuple[str, ...]:
    """Return the headings of ``difference_cells``."""
    return f"WA against {reference}", "95 % interval", f"UA against {reference}", "95 % interval", "p"


def how_to_read(reference: str, family: str) -> str:
    """Say what the scores and differences mean; ``family`` is what Holm's method corrects p for."""
    return (
        "WA and UA in percent: mean ± standard deviation over runs, then the score of all predictions together and its "
        "interval; the two differ where runs test unequally many, UA also where classes are shared out unequally. "
        "Differences are of all predictions together too. "
        "Intervals: a paired bootstrap over utterances and runs (the seeds of a fold as one), drawn in to the two-way "
        "clustered standard error and, where runs are few, spread by Student's quantile. p: two-sided, of the "
        f"difference in WA to {reference}, no less than the exact sign test's over utterances and Student's, "
        f"corrected by Holm's method for {family}; the intervals are not corrected."
    )


def score_cells(report: AggregateReport) -> list[str]:
    """Return WA and UA: mean ± standard deviation over runs, then that of all predictions with its interval."""
    found = scores(report)
    return [
        plus_minus(report.weighted_accuracy.values),
        _of_all(found.weighted),
        plus_minus(report.unweighted_accuracy.values),
        _of_all(found.unweighted),
    ]


def difference_cells(reports: Mapping[str, AggregateReport], reference: str) -> dict[str, list[str]]:
    """Return how far each report's WA and UA are from the reference's, their intervals, and p.

    p is of WA alone, by Holm's method: one question a row, asked before its answer is seen.
    """
    found = {
        name: difference(report, reports[reference]) for name, report in reports.items() if name != reference
    }
    corrected = holm([each.weighted.p_value for each in found.values()])
    cells = {
        name: [*_signed(each.weighted), *_signed(each.unweighted), f"{p_value:.3f}"]
        for (name, each), p_value in zip(found.items(), corrected, strict=True)
    }
    return {reference: [""] * len(difference_columns(reference)), **cells}


def _of_all(estimate: Estimate) -> str:
    between = percent_range(estimate.interval)
    return f"{percent(estimate.value)} ({between})" if between else percent(estimate.value)


def _signed(estimate: Estimate) -> tuple[str, str]:
    return signed(estimate.value), percent_range(estimate.interval)
