"""Kernel ridge regression on the front end's functionals: a closed form, and hard to beat on a small corpus.

Saunders et al., ICML 1998, on one-hot classes, with radial basis functions over standardised functionals cut off
at four deviations. Meant for ``features.functionals = "extended"``. Copies that
``training.copies`` names are learnt from as well. Ridge, width and the sharpness of the probabilities are chosen by
validation.
"""

from itertools import product
from typing import Any

import numpy as np
from pydantic import Field

from magtfnet.classical.kernel_machine import KernelMachine, fit_kernel_ridge
from magtfnet.classical.protocol import Best, ClassicalSystem, Floats, register_classical, softmax
from magtfnet.config import Positive, Settings, validated
from magtfnet.training.batches import TrainingData


class KernelRidgeConfig(Settings):
    """What is tried."""

    ridges: tuple[Positive, ...] = Field((0.03, 0.1, 0.3), min_length=1)
    gammas: tuple[Positive, ...] = Field((0.3, 1.0), min_length=1)  # over the mean squared distance a feature
    sharpness: tuple[Positive, ...] = Field((2.0, 4.0, 8.0), min_length=1)


class FunctionalsKernelRidge(ClassicalSystem):
    """See the module.

    Args:
        config: what is tried.
    """

    def __init__(self, config: KernelRidgeConfig) -> None:
        self.config = config

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``; nothing is random, ``seed`` decides nothing."""
        copies = training.copies()
        vectors = np.concatenate([functionals_of(copy) for copy in copies])
        classes = np.tile(np.eye(num_classes)[training.targets.numpy()], (len(copies), 1))
        held_out = functionals_of(validation)
        best: Best[tuple[KernelMachine, float, float, float]] = Best(validation.targets.tolist())
        for ridge, gamma in product(self.config.ridges, self.config.gammas):
            machine = fit_kernel_ridge(vectors, classes, ridge, gamma)
            scores = machine.scores(held_out)
            for sharpness in self.config.sharpness:
                best.offer((machine, ridge, gamma, sharpness), softmax(sharpness * scores))
        self.machine, ridge, gamma, self.sharpness = best.candidate
        return {
            "ridge": ridge,
            "gamma": gamma,
            "sharpness": self.sharpness,
            "validation_WA": best.score[0],
        }

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        return softmax(self.sharpness * self.machine.scores(functionals_of(data)))

    @property
    def num_parameters(self) -> int:
        """Of the machine."""
        return self.machine.num_parameters


def functionals_of(data: TrainingData) -> Floats:
    """Return the functionals of every utterance, (N, F)."""
    rows: list[Floats | None] = [None] * len(data)
    for indices in data.in_order():
        batch, _ = data.batch(indices)
        for index, row in zip(indices, batch.functionals.double().numpy(), strict=True):
            rows[index] = row
    return np.stack([row for row in rows if row is not None])


@register_classical(learns_from_copies=True)
def functionals_kernel_ridge(**overrides: Any) -> FunctionalsKernelRidge:
    """Build kernel ridge regression over the front end's functionals."""
    return FunctionalsKernelRidge(validated(KernelRidgeConfig, overrides, prefix="model."))
