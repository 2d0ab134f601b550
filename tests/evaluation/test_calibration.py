"""How sure and how right: by hand, and for a model that is as right as it is sure."""

import numpy as np
import pytest

from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.calibration import (
    COVERAGES,
    answered_from,
    before_temperature,
    coverage_curve,
    expected_calibration_error,
)
from magtfnet.evaluation.page import report_page
from magtfnet.evaluation.report import ScoredUtterance


def report_of(confidences, right):
    rows = [
        ScoredUtterance(
            str(i), None, "anger" if is_right else "fear", "anger", (confidence, 1 - confidence), "run"
        )
        for i, (confidence, is_right) in enumerate(zip(confidences, right, strict=True))
    ]
    return EvaluationReport(("anger", "fear"), tuple(rows))


def test_the_error_by_hand():
    report = report_of([0.9, 0.91, 0.6, 1.0], [True, False, True, True])
    # bins of 1/15: 0.9 and 0.91 share one, where 0.5 are right; 0.6 and 1.0 have one each
    expected = (abs(0.9 + 0.91 - 1) + abs(0.6 - 1) + abs(1.0 - 1)) / 4
    assert expected_calibration_error(report) == pytest.approx(expected)


def test_what_is_off_in_one_bin_does_not_make_up_for_another():
    report = report_of([0.9, 0.7], [True, False])
    assert expected_calibration_error(report) == pytest.approx((0.1 + 0.7) / 2)


@pytest.mark.parametrize(("sure", "least", "most"), [(1.0, 0.0, 0.02), (1.15, 0.06, 0.2)])
def test_who_is_as_right_as_sure_has_no_error(sure, least, most):
    generator = np.random.default_rng(0)
    chance = generator.uniform(0.5, 0.85, 20_000)
    found = expected_calibration_error(report_of(sure * chance, generator.random(20_000) < chance))
    assert least <= found < most


def test_fewer_answers_are_the_surer_ones():
    confidences = np.linspace(0.5, 0.99, 10)
    curve = coverage_curve(report_of(confidences, [False] * 5 + [True] * 5))
    assert [row.coverage for row in curve] == pytest.approx(COVERAGES)
    assert curve[0].accuracy == 0.5
    assert curve[-1] == (pytest.approx(confidences[5]), 0.5, 1.0)


def test_equal_confidences_are_answered_together():
    (first, *_) = curve = coverage_curve(report_of([0.7] * 4, [True, True, False, True]))
    assert all(row == first for row in curve)
    assert first == (0.7, 1.0, 0.75)


def test_a_threshold_answers_what_is_as_sure():
    report = report_of([0.9, 0.7, 0.6, 0.5], [True, False, True, False])
    assert answered_from(report, 0.6) == (0.6, 0.75, pytest.approx(2 / 3))
    nothing = answered_from(report, 0.95)
    assert nothing.coverage == 0
    assert np.isnan(nothing.accuracy)


def test_before_the_temperature_stood_other_probabilities():
    logits = np.array([2.0, -1.0])
    before, after = (np.exp(z) / np.exp(z).sum() for z in (logits, logits / 2.5))
    report = report_of([after[0]], [True])
    (row,) = before_temperature(report, 2.5).rows
    assert row.probabilities == pytest.approx(tuple(before))
    assert row.predicted == "anger"


def test_a_high_temperature_leaves_probabilities():
    """One that inner folds found where nothing could be told apart: e^8, and 0.6 to its power is no number."""
    report = report_of([0.6, 0.5], [True, False])
    (sure, even) = before_temperature(report, np.exp(8)).rows
    assert sure.probabilities == pytest.approx((1.0, 0.0))
    assert even.probabilities == pytest.approx((0.5, 0.5))
    assert expected_calibration_error(before_temperature(report, np.exp(8))) == pytest.approx(0.25)


def test_the_page_shows_both():
    page = report_page("title", {}, {"run": report_of([0.9, 0.6], [True, False])})
    assert "by 35.00 % in the mean" in page
    assert "<h2>When it may be unsure</h2>" in page
