"""Is a model as sure as it is right, and how right is it when it may say "not sure"?"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magtfnet.evaluation.report import EvaluationReport

BINS = 15
"""Of the confidence, of equal width, as Guo et al. (ICML 2017) have them."""
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)

Floats = npt.NDArray[np.float64]


class Answered(NamedTuple):
    """What is answered where the model is sure enough.

    Args:
        threshold: the least probability of the told class.
        coverage: share of the utterances that have it.
        accuracy: share of these that are told right.
    """

    threshold: float
    coverage: float
    accuracy: float


def expected_calibration_error(report: EvaluationReport) -> float:
    """Return the mean distance between how sure and how right a model is, over ``BINS`` of its confidence, 0 to 1.

    Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    confidence, right = _confidence(report)
    owner = np.minimum((confidence * BINS).astype(int), BINS - 1)
    sums = [np.bincount(owner, values, BINS) for values in (confidence, right)]
    return float(np.abs(sums[0] - sums[1]).sum() / len(right))


def before_temperature(report: EvaluationReport, temperature: float) -> EvaluationReport:
    """Return the predictions as they were before the logits were divided by ``temperature``."""
    rows = []
    for row in report.rows:
        # in logarithms: a high temperature raises small probabilities to what no number holds
        logits = temperature * np.log(np.maximum(row.probabilities, np.finfo(np.float64).tiny))
        raised = np.exp(logits - logits.max())
        rows.append(replace(row, probabilities=tuple((raised / raised.sum()).tolist())))
    return EvaluationReport(report.classes, tuple(rows))


def coverage_curve(report: EvaluationReport) -> list[Answered]:
    """Return, for each of ``COVERAGES``, the threshold that answers at least so many of these utterances."""
    confidence, _ = _confidence(report)
    ordered = np.sort(confidence)[::-1]
    thresholds = (ordered[int(np.ceil(coverage * len(ordered))) - 1] for coverage in COVERAGES)
    return [answered_from(report, float(threshold)) for threshold in thresholds]


def answered_from(report: EvaluationReport, threshold: float) -> Answered:
    """Return what is answered where only probabilities from ``threshold`` on count; of nothing accuracy is NaN."""
    confidence, right = _confidence(report)
    sure = confidence >= threshold
    accuracy = float(right[sure].mean()) if sure.any() else float("nan")
    return Answered(threshold, float(sure.mean()), accuracy)


def _confidence(report: EvaluationReport) -> tuple[Floats, Floats]:
    """Return the probability of the told class and whether it is the true one, each (N,)."""
    confidence = np.array([max(row.probabilities) for row in report.rows])
    right = np.array(report.truth) == np.array(report.predicted)
    return confidence, right.astype(np.float64)
