"""Paired differences: by hand where the answer is known, by simulation where the interval must be right."""

import numpy as np
import pytest
from scipy.special import stdtrit

from magtfnet.evaluation import AggregateReport, EvaluationReport, ScoredUtterance
from magtfnet.evaluation.intervals import wilson
from magtfnet.evaluation.paired import difference, holm, scores

CLASSES = ("anger", "neutral")


def report(right_by_run, emotions, prefix="u"):
    """An aggregate of runs, each a list of whether utterance i was classified rightly."""
    runs = {}
    for name, right in right_by_run.items():
        rows = []
        for i, (is_right, emotion) in enumerate(zip(right, emotions, strict=True)):
            other = CLASSES[1 - CLASSES.index(emotion)]
            rows.append(
                ScoredUtterance(
                    f"{prefix}{i}", None, emotion, emotion if is_right else other, (0.5, 0.5), name
                )
            )
        runs[name] = EvaluationReport(CLASSES, tuple(rows))
    return AggregateReport(runs)


EMOTIONS = ["anger"] * 6 + ["neutral"] * 2


def test_differences_by_hand():
    ours = report({"a": [1, 1, 1, 1, 1, 0, 1, 0]}, EMOTIONS)
    theirs = report({"a": [1, 1, 1, 1, 0, 0, 0, 0]}, EMOTIONS)
    found = difference(ours, theirs)
    assert found.weighted.value == pytest.approx(2 / 8)
    assert found.unweighted.value == pytest.approx((1 / 6 + 1 / 2) / 2)
    assert scores(ours).weighted.value == pytest.approx(6 / 8)
    assert scores(ours).unweighted.value == pytest.approx((5 / 6 + 1 / 2) / 2)


def test_no_difference_at_all():
    ours = report({"a": [1, 0] * 4, "b": [0, 1] * 4}, EMOTIONS)
    found = difference(ours, ours)
    assert found.weighted.value == 0
    assert found.weighted.interval == (0, 0)
    assert found.weighted.p_value == 1


def test_the_order_of_rows_and_runs_does_not_matter():
    ours, theirs = (
        report({"a": [1] * 8, "b": [0] * 8}, EMOTIONS),
        report({"a": [0] * 8, "b": [0] * 8}, EMOTIONS),
    )
    turned = AggregateReport(
        {name: EvaluationReport(CLASSES, run.rows[::-1]) for name, run in reversed(ours.runs.items())}
    )
    assert difference(turned, theirs) == difference(ours, theirs)


def test_other_runs_or_utterances_are_refused():
    ours = report({"a": [1] * 8}, EMOTIONS)
    for other in (report({"b": [1] * 8}, EMOTIONS), report({"a": [1] * 7}, EMOTIONS[:7])):
        with pytest.raises(ValueError, match="not of the same runs and utterances"):
            difference(ours, other)


def test_runs_are_chance_too():
    """Where one run is good and the other bad for all utterances, the interval spans both."""
    right = report({"a": [1] * 50, "b": [0] * 50}, ["anger"] * 50)
    low, high = scores(right).weighted.interval
    assert low < 0.05
    assert high > 0.95
    one = report({"a": [1] * 25 + [0] * 25}, ["anger"] * 50)
    low, high = scores(one).weighted.interval
    assert 0.3 < low < 0.4
    assert 0.6 < high < 0.7


def folds(names, right, seeds):
    """Runs of folds of 20 utterances with several seeds; which utterances of fold f are right says ``right[f]``."""
    runs = {}
    for fold, name in enumerate(names):
        for seed in range(seeds):
            rows = []
            for i in range(20):
                said = CLASSES[(i + (i >= right[fold])) % 2]
                rows.append(
                    ScoredUtterance(f"{name}{i}", None, CLASSES[i % 2], said, (0.5, 0.5), f"{name}{seed}")
                )
            runs[f"{name}{seed}"] = EvaluationReport(CLASSES, tuple(rows))
    return AggregateReport(runs)


def test_seeds_of_the_same_folds_say_no_more_of_other_speakers():
    names, ours, theirs = "abcdef", (16, 8, 14, 10, 17, 12), (14, 10, 9, 11, 12, 9)
    once, thrice = (difference(folds(names, ours, n), folds(names, theirs, n)) for n in (1, 3))
    assert thrice.weighted.value == pytest.approx(once.weighted.value)
    assert thrice.weighted.interval == pytest.approx(once.weighted.interval, abs=1e-9)
    assert thrice.unweighted.interval == pytest.approx(once.unweighted.interval, abs=1e-9)
    assert thrice.weighted.p_value == once.weighted.p_value
    assert scores(folds(names, ours, 3)).weighted.interval == pytest.approx(
        scores(folds(names, ours, 1)).weighted.interval
    )


@pytest.mark.parametrize(("right", "at"), [(1, 1), (0, 0)])
def test_all_right_is_no_certainty(right, at):
    found = scores(report({"a": [right] * 54, "b": [right] * 54}, ["anger"] * 40 + ["neutral"] * 14))
    assert found.weighted.interval == pytest.approx(wilson(54 * right, 54))
    assert found.weighted.interval[at] == pytest.approx(right)
    assert found.unweighted.interval == pytest.approx(
        np.mean([wilson(40 * right, 40), wilson(14 * right, 14)], axis=0)
    )


def test_ua_of_classes_that_are_all_right_or_all_wrong_is_no_certainty():
    right = [1] * 40 + [0] * 14
    found = scores(report({"a": right, "b": right}, ["anger"] * 40 + ["neutral"] * 14))
    assert found.unweighted.value == pytest.approx(0.5)
    assert found.unweighted.interval == pytest.approx(np.mean([wilson(40, 40), wilson(0, 14)], axis=0))
    assert found.weighted.interval != pytest.approx(wilson(40, 54))


def test_an_interval_has_a_width_where_no_draw_differs():
    runs = {}
    for fold in "ab":
        for seed in range(3):  # each utterance right with two seeds of three
            rows = []
            for i in range(12):
                said = CLASSES[(i + (i % 3 == seed)) % 2]
                rows.append(
                    ScoredUtterance(f"{fold}{i}", None, CLASSES[i % 2], said, (0.5, 0.5), f"{fold}{seed}")
                )
            runs[f"{fold}{seed}"] = EvaluationReport(CLASSES, tuple(rows))
    found = scores(AggregateReport(runs))
    assert found.weighted.value == pytest.approx(2 / 3)
    assert found.weighted.interval == pytest.approx(wilson(16, 24))


def simulated(generator, design, run_effect, gain=0.0):
    """Two aggregates over 200 utterances of unequal hardness, ours better by ``gain`` in the chance of each."""
    hardness = generator.uniform(0.25, 0.85, size=200)
    emotions = generator.permutation(["anger", "neutral"] * 100).tolist()
    tested = np.array_split(generator.permutation(200), 5)
    reports = []
    for better in (gain, 0.0):
        runs = {}
        for number in range(5):
            luck = generator.normal(0, run_effect)
            right = generator.random(200) < np.clip(hardness + better + luck, 0, 1)
            here = tested[number] if design == "folds" else generator.permutation(200)[:40]
            if design != "folds":
                here = np.random.default_rng(number).permutation(200)[:40]  # the same for both
            rows = []
            for i in here:
                other = CLASSES[1 - CLASSES.index(emotions[i])]
                said = emotions[i] if right[i] else other
                rows.append(ScoredUtterance(f"u{i}", None, emotions[i], said, (0.5, 0.5), str(number)))
            runs[str(number)] = EvaluationReport(CLASSES, tuple(rows))
        reports.append(AggregateReport(runs))
    return reports


STUDENTS = stdtrit(4, 0.975) / 1.96
"""By how much an interval of five runs is wider than one of many, at most."""


@pytest.mark.parametrize("run_effect", [0.0, 0.05])
@pytest.mark.parametrize("design", ["folds", "splits"])
def test_intervals_are_neither_too_narrow_nor_too_wide(design, run_effect):
    """Of 120 simulated comparisons without a difference, 1 to 11 are called significant at 5 % (6 are expected)."""
    generator = np.random.default_rng(3)
    found = [difference(*simulated(generator, design, run_effect)).weighted for _ in range(120)]
    assert 1 <= sum(one.p_value < 0.05 for one in found) <= 11
    half_widths = np.mean([(one.interval[1] - one.interval[0]) / 2 for one in found])
    spread = np.std([one.value for one in found])
    assert 0.9 < half_widths / (1.96 * spread) < 1.05 * STUDENTS


@pytest.mark.parametrize(("folds", "utterances"), [(5, 100), (6, 60), (3, 100)])
def test_folds_that_suit_one_of_two_models_prove_nothing(folds, utterances):
    """Of 120 pairs of models that are alike on all folds together, not on each, at most 11 are called significant."""
    generator, alarms, held = np.random.default_rng(7), 0, 0
    emotions = ["anger", "neutral"] * (utterances // 2)
    for _ in range(120):
        suits = generator.normal(scale=0.1, size=folds)
        sides = []
        for sign in (0.5, -0.5):
            runs = {}
            for fold, shift in enumerate(suits):
                right = generator.random(utterances) < 0.65 + sign * shift
                runs |= report({f"{fold}": right}, emotions, prefix=f"{fold}u").runs
            sides.append(AggregateReport(runs))
        found = difference(*sides).weighted
        alarms += found.p_value < 0.05
        held += found.interval[0] <= 0 <= found.interval[1]
    assert alarms <= 11
    assert held >= 109


def test_unweighted_intervals_are_right_too():
    generator = np.random.default_rng(5)
    found = [difference(*simulated(generator, "folds", 0.0)).unweighted for _ in range(120)]
    half_widths = np.mean([(one.interval[1] - one.interval[0]) / 2 for one in found])
    assert 0.9 < half_widths / (1.96 * np.std([one.value for one in found])) < 1.05 * STUDENTS


def test_a_clear_difference_is_found():
    generator = np.random.default_rng(4)
    ours = report({name: generator.random(200) < 0.8 for name in "abcde"}, ["anger", "neutral"] * 100)
    theirs = report({name: generator.random(200) < 0.6 for name in "abcde"}, ["anger", "neutral"] * 100)
    found = difference(ours, theirs)
    assert found.weighted.p_value < 0.01
    assert 0.1 < found.weighted.interval[0] < found.weighted.value < found.weighted.interval[1] < 0.3


@pytest.mark.parametrize(("runs", "utterances", "discordant", "least"), [
    (1, 8, 1, 0.99), (1, 54, 2, 0.49), (5, 54, 1, 0.99), (5, 54, 3, 0.24), (5, 54, 5, 0.06), (1, 54, 6, 0.03)
])  # fmt: skip
def test_few_utterances_that_differ_prove_nothing(runs, utterances, discordant, least):
    """All of them one way: the sign test's p is 2 ** (1 - discordant)."""
    emotions = ["anger", "neutral"] * (utterances // 2)
    names = [str(number) for number in range(runs)]
    theirs = {name: [1] * utterances for name in names}
    ours = {name: [1] * utterances for name in names}
    for place in range(discordant):
        theirs[names[place % runs]][7 * place % utterances] = 0
    found = difference(report(ours, emotions), report(theirs, emotions))
    assert found.weighted.value == pytest.approx(discordant / runs / utterances)
    assert found.weighted.p_value >= least
    assert found.unweighted.p_value >= least
    if discordant < 3:
        assert found.weighted.interval[0] == 0


def test_rare_differences_raise_no_false_alarms():
    """Of 200 comparisons of models that differ in 4 of 108 predictions by lot, at most 5 % are called significant."""
    generator = np.random.default_rng(8)
    emotions, alarms = ["anger", "neutral"] * 27, 0
    for _ in range(200):
        sides = [{"a": [1] * 54, "b": [1] * 54} for _ in range(2)]
        for place in generator.choice(54, size=4, replace=False):
            sides[generator.integers(2)]["ab"[generator.integers(2)]][place] = 0
        alarms += difference(*(report(side, emotions) for side in sides)).weighted.p_value < 0.05
    assert alarms <= 10


def test_no_interval_goes_beyond_what_can_be():
    emotions = ["anger", "neutral"] * 4
    for right in ([1] * 7 + [0], [1] * 8, [0] * 7 + [1]):
        whole = report({"a": right, "b": right[::-1], "c": [1] * 8}, emotions)
        found = scores(whole)
        for estimate in (found.weighted, found.unweighted):
            assert 0 <= estimate.interval[0] <= estimate.value <= estimate.interval[1] <= 1


def test_one_utterance_has_no_interval():
    assert scores(report({"a": [1]}, ["anger"])).weighted.interval is None


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
