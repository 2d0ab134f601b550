"""The scores of one test part, all computed from its predictions, so that anyone can compute them again."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from magtfnet.evaluation.intervals import Interval, bootstrap, wilson
from magtfnet.evaluation.metrics import (
    Counts,
    PerClass,
    confusion_matrix,
    per_class,
    unweighted_accuracy,
    weighted_accuracy,
)
from magtfnet.writing import write_whole

COLUMNS = ("id", "speaker", "emotion", "predicted", "run")
PROBABILITY = "p_"


@dataclass(frozen=True)
class ScoredUtterance:
    """A test utterance and what the model said of it.

    Args:
        id: of the utterance.
        speaker: None where it is not known.
        emotion: the true class.
        predicted: the most probable class.
        probabilities: of each class, in the label set's order.
        run: which fold and seed tested it.
    """

    id: str
    speaker: str | None
    emotion: str
    predicted: str
    probabilities: tuple[float, ...]
    run: str = ""


@dataclass(frozen=True)
class EvaluationReport:
    """Scores with their intervals.

    Args:
        classes: names of the classes, in order.
        rows: every test prediction, at least one.
    """

    classes: tuple[str, ...]
    rows: tuple[ScoredUtterance, ...]

    @cached_property
    def truth(self) -> list[int]:
        """True class indices."""
        return [self.classes.index(row.emotion) for row in self.rows]

    @cached_property
    def predicted(self) -> list[int]:
        """Predicted class indices."""
        return [self.classes.index(row.predicted) for row in self.rows]

    @cached_property
    def confusion(self) -> Counts:
        """Counts (K, K), truth by prediction."""
        return confusion_matrix(self.truth, self.predicted, len(self.classes))

    @cached_property
    def per_class(self) -> PerClass:
        """Precision, recall, F1 and support of each class."""
        return per_class(self.confusion)

    @property
    def weighted_accuracy(self) -> float:
        """WA: the share of utterances classified rightly."""
        return weighted_accuracy(self.confusion)

    @property
    def unweighted_accuracy(self) -> float:
        """UA: the mean recall of the classes that the test part holds."""
        return unweighted_accuracy(self.confusion)

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that the test part does not hold; UA and macro-F1 are over the others."""
        return tuple(name for name, n in zip(self.classes, self.per_class.support, strict=True) if n == 0)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """95 % intervals by name; those over speakers only where at least two speakers are known.

        ``WA_wilson`` is there only where no utterance was tested twice, since it takes trials for
        independent.
        """
        found: dict[str, Interval] = {}
        ids = [row.id for row in self.rows]
        if len(set(ids)) == len(ids):
            found["WA_wilson"] = wilson(int(np.trace(self.confusion)), len(self.rows))
        speakers = [row.speaker for row in self.rows]
        clusterings = {"utterances": ids}
        if None not in speakers:
            clusterings["speakers"] = [str(speaker) for speaker in speakers]
        for unit, clusters in clusterings.items():
            scores = bootstrap(self.truth, self.predicted, clusters, len(self.classes))
            for score, interval in (scores or {}).items():
                found[f"{score}_over_{unit}"] = interval
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, without the single predictions; NaN is None."""
        table = self.per_class
        return {
            "utterances": len(self.rows),
            "WA": self.weighted_accuracy,
            "UA": self.unweighted_accuracy,
            "macro_F1": table.macro_f1,
            "intervals_95": {name: list(interval) for name, interval in self.intervals.items()},
            "classes_absent_from_test": list(self.absent),
            "per_class": {
                name: {
                    "precision": _plain(table.precision[k]),
                    "recall": _plain(table.recall[k]),
                    "F1": _plain(table.f1[k]),
                    "utterances": int(table.support[k]),
                }
                for k, name in enumerate(self.classes)
            },
            "confusion": self.confusion.tolist(),
            "classes": list(self.classes),
        }

    def save_predictions(self, path: Path) -> None:
        """Write every prediction as a CSV row."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *(PROBABILITY + name for name in self.classes)))
        for row in self.rows:
            known = (row.id, row.speaker or "", row.emotion, row.predicted, row.run)
            writer.writerow((*known, *(format(p, ".6g") for p in row.probabilities)))
        write_whole(path, file.getvalue())

    @classmethod
    def from_predictions(cls, path: Path) -> "EvaluationReport":
        """Read predictions that were saved, and so every score again.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no table of predictions.
        """
        try:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                reader = csv.DictReader(file)
                names = tuple(name for name in reader.fieldnames or () if name.startswith(PROBABILITY))
                rows = tuple(
                    ScoredUtterance(
                        row["id"],
                        row["speaker"] or None,
                        row["emotion"],
                        row["predicted"],
                        tuple(float(row[name]) for name in names),
                        row["run"],
                    )
                    for row in reader
                )
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ValueError(f"{path} is no table of predictions: {error}") from error
        if not rows:
            raise ValueError(f"{path} is no table of predictions: it has no row")
        report = cls(tuple(name.removeprefix(PROBABILITY) for name in names), rows)
        named = {name for row in rows for name in (row.emotion, row.predicted)}
        if strange := ", ".join(sorted(named - {*report.classes})):
            raise ValueError(f"{path} is no table of predictions: it has no probabilities of {strange}")
        return report

    @classmethod
    def pooled(cls, reports: Sequence["EvaluationReport"]) -> "EvaluationReport":
        """Return the report over all predictions of several runs with the same classes."""
        rows: Iterable[ScoredUtterance] = (row for report in reports for row in report.rows)
        return cls(reports[0].classes, tuple(rows))


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
