"""The scores of several folds or seeds together: mean, standard deviation, interval, pooled confusion matrix."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from magtfnet.evaluation.intervals import Interval, student
from magtfnet.evaluation.report import EvaluationReport, ScoredUtterance


@dataclass(frozen=True)
class Spread:
    """A score over runs: mean, standard deviation (over n - 1; 0 for one run), Student's interval of the mean."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over the runs."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean, None for one run."""
        return student(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        interval = self.interval
        return {
            "mean": self.mean,
            "standard_deviation": self.deviation,
            "interval_95": None if interval is None else list(interval),
            "runs": list(self.values),
        }


@dataclass(frozen=True)
class AggregateReport:
    """Reports of several runs, by the run's name."""

    runs: Mapping[str, EvaluationReport]

    @classmethod
    def from_predictions(cls, paths: Iterable[Path]) -> "AggregateReport":
        """Read predictions that were saved, of one run a file or of several; no file gives no run.

        Raises:
            OSError: a file cannot be read.
            ValueError: a file is no table of predictions, or has other classes than those before.
        """
        classes: tuple[str, ...] = ()
        runs: dict[str, list[ScoredUtterance]] = {}
        for path in paths:
            report = EvaluationReport.from_predictions(path)
            if classes not in ((), report.classes):
                raise ValueError(f"{path} has the classes {report.classes}, others before it {classes}")
            classes = report.classes
            for row in report.rows:
                runs.setdefault(row.run, []).append(row)
        return cls({name: EvaluationReport(classes, tuple(rows)) for name, rows in runs.items()})

    @cached_property
    def pooled(self) -> EvaluationReport:
        """All predictions together."""
        return EvaluationReport.pooled(list(self.runs.values()))

    @property
    def weighted_accuracy(self) -> Spread:
        """WA over the runs."""
        return Spread(tuple(report.weighted_accuracy for report in self.runs.values()))

    @property
    def unweighted_accuracy(self) -> Spread:
        """UA over the runs."""
        return Spread(tuple(report.unweighted_accuracy for report in self.runs.values()))

    @property
    def macro_f1(self) -> Spread:
        """Macro-F1 over the runs."""
        return Spread(tuple(report.per_class.macro_f1 for report in self.runs.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "runs": list(self.runs),
            "WA": self.weighted_accuracy.to_dict(),
            "UA": self.unweighted_accuracy.to_dict(),
            "macro_F1": self.macro_f1.to_dict(),
            "pooled": self.pooled.to_dict(),
        }
