"""The one definition of every score: WA, UA, precision, recall and F1, all from the confusion matrix.

Classes without an utterance in the truth have no recall: they are NaN, and means over classes leave them out.
A class that is never predicted has precision 0, and so F1 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


def confusion_matrix(truth: Sequence[int], predicted: Sequence[int], num_classes: int) -> Counts:
    """Return counts (K, K): row is the true class, column the predicted one."""
    matrix = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(matrix, (np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    return matrix


def weighted_accuracy(confusion: Counts) -> float:
    """WA: the share of utterances that are classified rightly, trace / sum (paper, eq. 22)."""
    return float(np.trace(confusion) / confusion.sum())


def unweighted_accuracy(confusion: Counts) -> float:
    """UA: the mean of the recalls of the classes that occur in the truth (paper, eq. 23); also called UAR."""
    return float(np.nanmean(per_class(confusion).recall))


@dataclass(frozen=True)
class PerClass:
    """Scores of each class, arrays (K,); ``support`` counts its true utterances."""

    precision: Scores
    recall: Scores
    f1: Scores
    support: Counts

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur in the truth."""
        return float(np.nanmean(self.f1))


def per_class(confusion: Counts) -> PerClass:
    """Return precision, recall and F1 of each class; NaN for recall and F1 of a class that the truth lacks."""
    right = np.diag(confusion).astype(np.float64)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
    recall = np.divide(right, support, out=np.full_like(right, np.nan), where=support > 0)
    f1 = np.where(support > 0, 2 * right / np.maximum(support + predicted, 1), np.nan)
    return PerClass(precision, recall, f1, support)
