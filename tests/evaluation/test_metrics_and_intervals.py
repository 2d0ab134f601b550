"""Scores and intervals with numbers worked out by hand or by SciPy and scikit-learn's published examples."""

import math

import numpy as np
import pytest
from scipy import stats

from magtfnet.evaluation import AggregateReport, EvaluationReport, ScoredUtterance
from magtfnet.evaluation.aggregate import Spread
from magtfnet.evaluation.intervals import bootstrap, student, wilson
from magtfnet.evaluation.metrics import confusion_matrix, per_class, unweighted_accuracy, weighted_accuracy
from magtfnet.evaluation.page import notes, report_page

# truth:     a a a a b b c
# predicted: a a a b b a c
TRUTH, PREDICTED = [0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 0, 2]


def test_scores_by_hand():
    confusion = confusion_matrix(TRUTH, PREDICTED, 3)
    assert confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert weighted_accuracy(confusion) == 5 / 7
    assert unweighted_accuracy(confusion) == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    table = per_class(confusion)
    assert table.precision.tolist() == [3 / 4, 1 / 2, 1]
    assert table.recall.tolist() == [3 / 4, 1 / 2, 1]
    assert table.f1.tolist() == [3 / 4, 1 / 2, 1]
    assert table.macro_f1 == pytest.approx(0.75)
    assert table.support.tolist() == [4, 2, 1]


def test_a_class_that_the_truth_lacks_is_left_out_of_means():
    table = per_class(confusion_matrix([0, 0, 1], [0, 2, 1], 3))
    assert math.isnan(table.recall[2])
    assert math.isnan(table.f1[2])
    assert table.precision[2] == 0
    assert unweighted_accuracy(confusion_matrix([0, 0, 1], [0, 2, 1], 3)) == (0.5 + 1) / 2


def test_a_class_that_is_never_predicted_has_precision_zero():
    table = per_class(confusion_matrix([0, 1], [0, 0], 2))
    assert table.precision.tolist() == [0.5, 0]
    assert table.f1.tolist() == [2 / 3, 0]


def test_wilson_against_scipy_and_the_papers_result():
    for successes, trials in ((0, 5), (5, 5), (45, 54), (1, 1000)):
        expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
        assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)
    low, high = wilson(45, 54)
    assert (round(low, 2), round(high, 2)) == (0.71, 0.91)


def test_student_against_scipy():
    values = [0.7, 0.8, 0.75, 0.9]
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert student(values) == pytest.approx(expected)
    assert student([0.7]) is None
    assert student([0.0, 1.0]) == (0.0, 1.0)


def test_bootstrap_agrees_with_the_normal_approximation():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    predicted = np.where(rng.random(400) < 0.8, truth, 1 - truth)
    ids = [str(i) for i in range(400)]
    low, high = bootstrap(truth, predicted, ids, 2)["WA"]
    share = (truth == predicted).mean()
    half = 1.96 * math.sqrt(share * (1 - share) / 400)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.01)


def test_bootstrap_over_speakers_is_wider_where_speakers_differ():
    truth = [0, 1] * 100
    predicted = [t if speaker % 2 else 0 for speaker in range(10) for t in [0, 1] * 10]
    speakers = [str(speaker) for speaker in range(10) for _ in range(20)]
    over_speakers = bootstrap(truth, predicted, speakers, 2)["UA"]
    over_utterances = bootstrap(truth, predicted, [str(i) for i in range(200)], 2)["UA"]
    assert over_speakers[1] - over_speakers[0] > over_utterances[1] - over_utterances[0]


def test_bootstrap_needs_two_clusters_and_repeats():
    assert bootstrap([0, 1], [0, 1], ["a", "a"], 2) is None
    arguments = (TRUTH, PREDICTED, list("abcdefg"), 3)
    assert bootstrap(*arguments) == bootstrap(*arguments)
    rng = np.random.default_rng(0)
    many = (rng.integers(0, 3, 200), rng.integers(0, 3, 200), [str(i) for i in range(200)], 3)
    assert bootstrap(*many, seed=1) != bootstrap(*many)


def make_report(truth=TRUTH, predicted=PREDICTED, speakers=True, run="", names=("a", "b", "c")):
    rows = tuple(
        ScoredUtterance(
            f"u{i}", f"s{i % 2}" if speakers else None, names[t], names[p], (0.5, 0.25, 0.25), run
        )
        for i, (t, p) in enumerate(zip(truth, predicted, strict=True))
    )
    return EvaluationReport(names, rows)


def test_report_says_which_classes_are_absent():
    report = make_report([0, 0, 1], [0, 2, 1])
    assert report.absent == ("c",)
    values = report.to_dict()
    assert values["classes_absent_from_test"] == ["c"]
    assert values["per_class"]["c"] == {"precision": 0.0, "recall": None, "F1": None, "utterances": 0}
    assert values["UA"] == 0.75


def test_intervals_of_a_report():
    assert set(make_report().intervals) == {
        "WA_wilson",
        "WA_over_utterances",
        "UA_over_utterances",
        "WA_over_speakers",
        "UA_over_speakers",
    }
    assert "UA_over_speakers" not in make_report(speakers=False).intervals
    twice = EvaluationReport.pooled([make_report(run="x"), make_report(run="y")])
    assert "WA_wilson" not in twice.intervals  # seven utterances, each tested twice: not fourteen trials
    assert len(twice.rows) == 14


def test_a_report_is_computed_again_from_its_predictions(tmp_path):
    report = make_report(run="fold_00_seed_0")
    report.save_predictions(tmp_path / "predictions.csv")
    again = EvaluationReport.from_predictions(tmp_path / "predictions.csv")
    assert again == report
    assert again.to_dict() == report.to_dict()


def test_spread_by_hand():
    spread = Spread((0.6, 0.8))
    assert spread.mean == pytest.approx(0.7)
    assert spread.deviation == pytest.approx(math.sqrt(0.02))
    assert Spread((0.6,)).deviation == 0
    assert Spread((0.6,)).interval is None


def test_aggregate_pools_and_spreads():
    together = AggregateReport({"x": make_report(), "y": make_report(predicted=TRUTH)})
    assert together.weighted_accuracy.values == (5 / 7, 1.0)
    assert together.pooled.confusion.sum() == 14
    values = together.to_dict()
    assert values["WA"]["mean"] == pytest.approx(6 / 7)
    assert values["runs"] == ["x", "y"]


def test_page_shows_every_number_and_escapes_names():
    report = make_report([0, 0, 1], [0, 2, 1], names=("a", "<b>", "c"))
    row = {"train_loss": 1.0, "validation_loss": 1.1, "validation_WA": 0.5, "validation_UA": 0.4}
    history = [{"epoch": 1.0, **row}, {"epoch": 2.0, **row}]
    page = report_page("Title <&>", {"corpus": "made"}, {"run": report}, history)
    assert "Title &lt;&amp;&gt;" in page
    assert "<b>" not in page
    assert "75.00" in page  # UA over two classes
    assert "no test utterance of c; UA and macro-F1 are means over the 2 classes" in page
    assert page.count("<svg") == 2
    assert "src=" not in page  # nothing beside it
    assert 'href="http' not in page


def test_a_sample_that_knows_no_other_answer_is_no_certainty():
    ids = [str(i) for i in range(60)]
    found = bootstrap([0] * 40 + [1] * 20, [0] * 60, ids, 2)  # all are said to be of class 0
    assert found["WA"] != pytest.approx(wilson(40, 60))
    assert found["UA"] == pytest.approx(np.mean([wilson(40, 40), wilson(0, 20)], axis=0))
    of_speakers = bootstrap([0] * 40 + [1] * 20, [0] * 40 + [1] * 20, ["x", "y", "z"] * 20, 2)
    assert of_speakers["WA"] == of_speakers["UA"] == pytest.approx(wilson(3, 3))


def test_a_page_says_that_few_speakers_say_little_of_others():
    assert "2 speakers say little of others" in report_page("t", {}, {"x": make_report()})
    assert "say little of others" not in report_page("t", {}, {"x": make_report(speakers=False)})
    assert not any("say little of others" in note for note in notes(AggregateReport({"x": make_report()})))


def test_page_of_several_runs_says_what_was_tested_twice():
    page = report_page("t", {}, {"x": make_report(), "y": make_report(predicted=TRUTH)})
    assert "7 utterances were tested 14 times" in page
    assert "mean ± standard deviation of 2 runs" in page
    assert "85.71 ± 20.20" in page
