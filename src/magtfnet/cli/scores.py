"""Scores in the terminal."""

from typing import TYPE_CHECKING

from magtfnet.cli.terminal import show, show_table
from magtfnet.evaluation.wording import percent, percent_range

if TYPE_CHECKING:
    from magtfnet.evaluation import AggregateReport, EvaluationReport
    from magtfnet.evaluation.aggregate import Spread
    from magtfnet.evaluation.intervals import Interval


def show_report(report: "EvaluationReport") -> None:
    """Print WA and UA with intervals, and the table of classes."""
    table = report.per_class
    rows = [
        (
            name,
            percent(table.precision[k]),
            percent(table.recall[k]),
            percent(table.f1[k]),
            str(table.support[k]),
        )
        for k, name in enumerate(report.classes)
    ]
    show_table(("emotion", "precision", "recall", "F1", "utterances"), rows)
    wa = report.intervals.get("WA_wilson") or report.intervals.get("WA_over_utterances")
    ua = report.intervals.get("UA_over_utterances")
    scores = (("WA", report.weighted_accuracy, wa), ("UA", report.unweighted_accuracy, ua))
    show(", ".join(f"{name} {percent(value)} %{_interval(interval)}" for name, value, interval in scores))
    if report.absent:
        show(f"no test utterance of {', '.join(report.absent)}: UA is the mean over the other classes")


def show_aggregate(together: "AggregateReport") -> None:
    """Print every run, then mean and standard deviation."""
    rows = [
        (name, str(len(run.rows)), percent(run.weighted_accuracy), percent(run.unweighted_accuracy))
        for name, run in together.runs.items()
    ]
    show_table(("run", "utterances", "WA", "UA"), rows)
    show_report(together.pooled)
    for name, spread in (("WA", together.weighted_accuracy), ("UA", together.unweighted_accuracy)):
        show(f"{name} over {len(together.runs)} runs: {_spread(spread)}")


def _spread(spread: "Spread") -> str:
    mean, deviation = percent(spread.mean), percent(spread.deviation)
    return f"mean {mean} %, standard deviation {deviation} %{_interval(spread.interval)}"


def _interval(interval: "Interval | None") -> str:
    return "" if interval is None else f" (95 % interval {percent_range(interval)})"
