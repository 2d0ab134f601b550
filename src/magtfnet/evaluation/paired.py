"""Scores and differences of scores over several runs, with intervals that count utterances and runs as chance.

Two models that were tested by the same runs (seeds or folds) on the same utterances are compared utterance by
utterance. The bootstrap draws runs and utterances independently of each other, each with replacement, and
weighs a prediction by how often both were drawn (the pigeonhole bootstrap: Owen, Annals of Applied Statistics
2007), since an utterance is hard in every run and a run is good or bad for every utterance. By itself it counts
the chance of a single prediction up to three times; its draws are therefore drawn in to the two-way clustered
standard error (Cameron, Gelbach, Miller, JBES 2011), all but those without any difference: where only a few
utterances tell two models apart, many draws have none of them, and must not count as evidence. There a bootstrap
is too sure still, so no p-value is below that of the exact sign test over utterances.

Of few runs the standard error itself is little known. Where it is larger than utterances alone make it, draws are
spread by Student's quantile over the normal one, with the degrees of freedom that Satterthwaite's approximation gives,
about the runs less one, and no p-value is below Student's (Cameron, Miller, J. Human Resources 2015, section VI).

Runs that tested the same utterances, as the seeds of a fold do, are drawn together where there are others: who speaks
in a fold suits one of two models with every seed, so that more seeds say no more of other speakers. What a seed does
to all folds alike is not counted then.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from magtfnet.evaluation.aggregate import AggregateReport
from magtfnet.evaluation.intervals import Interval, widened, wilson_of_classes

RESAMPLES = 2000
WEIGHTS_AT_ONCE = 4_000_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A score, or a difference of scores, in shares.

    Args:
        value: over all predictions.
        interval: 95 %, percentiles of the bootstrap; None where there is but one utterance.
        p_value: two-sided, of no difference: twice the smaller share of resamples on either side of zero, and no less
            than the sign test's over utterances and Student's.
    """

    value: float
    interval: Interval | None
    p_value: float


@dataclass(frozen=True)
class Estimates:
    """Of WA and of UA."""

    weighted: Estimate
    unweighted: Estimate


def scores(report: AggregateReport) -> Estimates:
    """Return WA and UA over all predictions of all runs; their p-values say nothing.

    Where all are right or all are wrong, so is every draw; UA is alike in all of them where that is so of each class.
    There, and wherever no draw says otherwise, the intervals are Wilson's: of all utterances, and the mean over the
    classes of theirs.
    """
    table = _Table(report)
    found = table.estimates(table.right, (0.0, 1.0))
    counts = table.class_of.sum(axis=0)
    recalls = (table.right @ table.class_of).sum(axis=0) / (table.tested @ table.class_of).sum(axis=0)
    of_all = wilson_of_classes([found.weighted.value], [int(counts.sum())])
    of_classes = wilson_of_classes(recalls.tolist(), counts.astype(int).tolist())
    return Estimates(_widened(found.weighted, of_all), _widened(found.unweighted, of_classes))


def difference(ours: AggregateReport, reference: AggregateReport) -> Estimates:
    """Return how far ours is above the reference, prediction by prediction.

    Raises:
        ValueError: they were not tested by the same runs on the same utterances.
    """
    table, other = _Table(ours), _Table(reference)
    if table.keys != other.keys:
        raise ValueError("the two reports are not of the same runs and utterances")
    return table.estimates(table.right - other.right, (-1.0, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method (Scand. J. Statist. 1979)."""
    order = np.argsort(p_values, kind="stable")
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


class _Table:
    """The predictions of all runs as a table of runs by utterances, so that those of two reports line up.

    A row is a run, or all runs that tested the same utterances where there are others.
    """

    def __init__(self, report: AggregateReport) -> None:
        rows = sorted(
            (name, row.id, row.emotion, row.emotion == row.predicted)
            for name, run in report.runs.items()
            for row in run.rows
        )
        self.keys = [row[:3] for row in rows]
        runs, utterances = _numbers([row[0] for row in rows]), _numbers([row[1] for row in rows])
        self.right, self.tested = (np.zeros((runs.max() + 1, utterances.max() + 1)) for _ in range(2))
        self.right[runs, utterances] = [row[3] for row in rows]
        self.tested[runs, utterances] = 1
        _, firsts, part = np.unique(self.tested, axis=0, return_index=True, return_inverse=True)
        if 1 < len(firsts) < len(self.tested):
            # (parts, runs), in the order of runs
            together = firsts[part.reshape(-1)] == np.sort(firsts)[:, None]
            self.right, self.tested = together @ self.right, together @ self.tested
        classes = _numbers([row[2] for row in rows])
        self.class_of = np.zeros((self.right.shape[1], classes.max() + 1))  # (utterances, K)
        self.class_of[utterances, classes] = 1

    def estimates(self, values: Floats, bounds: Interval) -> Estimates:
        """Return WA and UA, where a prediction counts for what it has in values (runs, utterances) within bounds."""
        runs, utterances = values.shape
        whole = self._means(values, np.ones((1, runs)), np.ones((1, utterances)))[0]
        if utterances < 2:
            return Estimates(*(Estimate(float(value), None, 1.0) for value in whole))
        generator = np.random.default_rng(0)
        drawn, nothing = [], []  # nothing: no prediction that counts was drawn
        for at_once in _pieces(RESAMPLES, max(1, WEIGHTS_AT_ONCE // utterances)):
            weights = _times(generator, runs, at_once), _times(generator, utterances, at_once)
            drawn.append(self._means(values, *weights))
            nothing.append(((weights[0] @ np.abs(values)) * weights[1]).sum(axis=1) == 0)
        draws = np.concatenate(drawn)
        met = ~np.isnan(draws[:, 0])  # few runs and few utterances may not meet
        draws, still = draws[met], np.concatenate(nothing)[met]
        least = _sign_test(values.sum(axis=0))
        found = []
        for value, of, error in zip(whole, draws.T, self._standard_errors(values), strict=True):
            spread = error.value * error.spread
            inside = np.where(still, 0.0, np.clip(_drawn_in(of, float(value), spread), *bounds))
            low, high = np.quantile(inside, (0.025, 0.975))
            p_value = max(_two_sided(inside), least, error.p_value(float(value)))
            found.append(Estimate(float(value), (float(low), float(high)), p_value))
        return Estimates(*found)

    def _standard_errors(self, values: Floats) -> "list[_StandardError]":
        """Return the two-way clustered standard errors of WA and UA."""
        counts = self.tested @ self.class_of  # (runs, K)
        per_class = _quotient((values @ self.class_of).sum(axis=0), counts.sum(axis=0))  # (K,)
        of_utterance = self.class_of @ np.stack((counts.sum(axis=0), per_class), axis=1)  # (utterances, 2)
        mean = values.sum() / self.tested.sum()
        weighted = (values - mean * self.tested) / self.tested.sum()
        unweighted = (values - of_utterance[:, 1] * self.tested) / (of_utterance[:, 0] * len(per_class))
        return [_clustered(influence) for influence in (weighted, unweighted)]

    def _means(self, values: Floats, runs: Floats, utterances: Floats) -> Floats:
        """Return WA and UA (resamples, 2) where runs and utterances were drawn so often, (resamples, each)."""
        hits = (runs @ values * utterances) @ self.class_of  # (resamples, K)
        seen = (runs @ self.tested * utterances) @ self.class_of
        recalls = _quotient(hits, seen)
        there = (seen > 0).sum(axis=1)
        return np.stack(
            [_quotient(hits.sum(axis=1), seen.sum(axis=1)), _quotient(np.nansum(recalls, axis=1), there)],
            axis=1,
        )


def _widened(estimate: Estimate, wilsons: Interval) -> Estimate:
    if estimate.interval is None:
        return estimate
    return replace(estimate, interval=widened(estimate.interval, estimate.value, wilsons))


@dataclass(frozen=True)
class _StandardError:
    """A standard error with the degrees of freedom that it was found by."""

    value: float
    freedom: float

    @property
    def spread(self) -> float:
        """Student's quantile of a 95 % interval over the normal one."""
        from scipy.special import ndtri, stdtrit

        return float(stdtrit(self.freedom, 0.975) / ndtri(0.975))

    def p_value(self, value: float) -> float:
        """Return Student's two-sided p-value of a value whose error this is."""
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -abs(value) / self.value)) if self.value > 0 else 0.0


def _clustered(influence: Floats) -> _StandardError:
    """Return the error of a sum of influences (runs, utterances): by runs, by utterances, less by both."""
    by_run, by_utterance, by_both = (
        float(np.sum(np.square(sums))) for sums in (influence.sum(axis=1), influence.sum(axis=0), influence)
    )
    runs, utterances = influence.shape
    of_utterances = by_utterance**2 / (utterances - 1)
    if runs > 1:
        by_run *= runs / (runs - 1)
    if runs == 1 or by_run <= by_both:
        return _StandardError(float(np.sqrt(by_utterance)), utterances - 1)
    variance = by_utterance + by_run - by_both
    return _StandardError(float(np.sqrt(variance)), variance**2 / (by_run**2 / (runs - 1) + of_utterances))


def _quotient(above: Floats, below: Floats | npt.NDArray[np.int64]) -> Floats:
    """Return above / below, NaN where below is 0."""
    quotient: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return quotient


def _pieces(total: int, largest: int) -> Iterator[int]:
    while total:
        yield min(total, largest)
        total -= min(total, largest)


def _numbers(names: Sequence[str]) -> npt.NDArray[np.int64]:
    _, numbers = np.unique(np.asarray(names), return_inverse=True)
    return numbers


def _times(generator: np.random.Generator, count: int, resamples: int) -> Floats:
    """Return how often each of ``count`` things is drawn in so many draws, (resamples, count)."""
    drawn = generator.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return (
        np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count).astype(np.float64)
    )


def _drawn_in(draws: Floats, value: float, error: float) -> Floats:
    """Return draws whose spread about the value is the standard error."""
    spread = float(draws.std())
    inside: Floats = value + (draws - value) * (error / spread if spread > 0 else 1.0)
    return inside


def _two_sided(draws: Floats) -> float:
    """Return twice the smaller share of draws on either side of zero, the value itself being one of them."""
    below, above = (1 + np.sum(draws <= 0)) / (1 + len(draws)), (1 + np.sum(draws >= 0)) / (1 + len(draws))
    return min(1.0, 2 * float(min(below, above)))


def _sign_test(sums: Floats) -> float:
    """Return the exact two-sided p-value of as many sums above 0, of those that are not 0, as below it."""
    above, below = int(np.sum(sums > 0)), int(np.sum(sums < 0))
    tail = sum(math.comb(above + below, k) for k in range(min(above, below) + 1))
    return min(1.0, float(2 * tail / 2 ** (above + below)))
