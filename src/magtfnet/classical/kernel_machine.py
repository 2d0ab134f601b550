"""Kernel ridge regression on one-hot classes, with radial basis functions over standardised vectors.

Saunders et al., ICML 1998. It is the extreme learning machine with a kernel as well: Huang et al., "Extreme learning
machine for regression and multiclass classification", IEEE Transactions on Systems, Man, and Cybernetics B 42(2), 2012,
section III-B, whose C is one over the ridge.
"""

from typing import NamedTuple

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from magtfnet.classical.protocol import Floats

FURTHEST = 4.0
"""In deviations: a value further out is an outlier, and counts as this."""


class KernelMachine(NamedTuple):
    """A fitted machine.

    Args:
        pipeline: scikit-learn's, from vectors (N, F) to what a class stands above its prior.
        prior: share of each class (K,).
    """

    pipeline: Pipeline
    prior: Floats

    def scores(self, vectors: Floats) -> Floats:
        """Return (M, K): near 1 for the class, near 0 for others."""
        scores: Floats = self.pipeline.predict(vectors) + self.prior
        return scores

    @property
    def num_parameters(self) -> int:
        """The training vectors, their weights, means and deviations."""
        scaler, _, regression = (step for _, step in self.pipeline.steps)
        learnt = (scaler.mean_, scaler.scale_, regression.X_fit_, regression.dual_coef_, self.prior)
        return sum(value.size for value in learnt)


def fit_kernel_ridge(vectors: Floats, classes: Floats, ridge: float, gamma: float) -> KernelMachine:
    """Return the machine that fits one-hot ``classes`` (N, K) on ``vectors`` (N, F) in the closed form."""
    regression = KernelRidge(alpha=ridge, kernel="rbf", gamma=gamma / 2 / vectors.shape[1])
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(cut_off), regression)
    prior = classes.mean(axis=0)
    return KernelMachine(pipeline.fit(vectors, classes - prior), prior)


def cut_off(deviations: Floats) -> Floats:
    """Return standardised values (N, F), those further out than ``FURTHEST`` there."""
    return np.clip(deviations, -FURTHEST, FURTHEST)
