"""openSMILE's functionals and a support vector machine: what the field tries first.

Eyben et al.: "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE Trans. Affective Computing 2016:
eGeMAPS v02, 88 functionals, standardised on the training part; an SVM with radial basis functions whose C and
gamma are chosen by validation WA. openSMILE is an optional extra: its licence is free for research and private use
only, and the package does not ship it.
"""

import importlib.util
import math
from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from magtfnet.classical.protocol import (
    ClassicalSystem,
    Floats,
    best_of,
    probabilities_by_decision,
    register_classical,
)
from magtfnet.config import Positive, Settings, validated
from magtfnet.errors import MissingExtraError
from magtfnet.training.batches import TrainingData

TERMS = "research and private use only"
"""What openSMILE's licence allows."""
SHORTEST = 0.06
"""Seconds of openSMILE's longest frame, that of the pitch; of less it gives no functionals."""
LOUDEST = 32767 / 32768
"""openSMILE is given 16 bits a sample, and what lies above full scale would come out with the other sign."""


def opensmile_is_installed() -> bool:
    """Return whether the library is there; it is not imported for that."""
    return importlib.util.find_spec("opensmile") is not None


class SvmConfig(Settings):
    """What is tried, and over which of openSMILE's sets."""

    feature_set: Literal["eGeMAPSv02", "ComParE_2016"] = "eGeMAPSv02"
    kernel: Literal["rbf", "linear"] = "rbf"
    penalties: tuple[Positive, ...] = Field((0.3, 1.0, 3.0, 10.0, 30.0), min_length=1)
    gammas: tuple[Positive, ...] = Field((0.3, 1.0, 3.0), min_length=1)  # times 1 / number of features


class EgemapsSvm(ClassicalSystem):
    """See the module.

    Args:
        config: what is tried.

    Raises:
        MissingExtraError: openSMILE is not installed; said before anything is trained beside it.
    """

    uses_front_end = False

    def __init__(self, config: SvmConfig) -> None:
        if not opensmile_is_installed():
            raise MissingExtraError("opensmile", "bench", TERMS)
        self.config = config

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        self.num_classes = num_classes
        vectors, held_out = self._vectors(training), self._vectors(validation)
        gammas = self.config.gammas if self.config.kernel == "rbf" else (1.0,)
        models = [
            make_pipeline(
                # a functional that has no value gets the training part's mean
                SimpleImputer(keep_empty_features=True),
                StandardScaler(),
                SVC(C=penalty, gamma=gamma / vectors.shape[1], kernel=self.config.kernel, random_state=seed),
            ).fit(vectors, training.targets.numpy())
            for penalty, gamma in product(self.config.penalties, gammas)
        ]
        self.model, accuracy = best_of(
            models,
            lambda model: probabilities_by_decision(model, held_out, num_classes),
            validation.targets.tolist(),
        )
        chosen = self.model[-1]
        return {"C": chosen.C, "gamma": chosen.gamma, "validation_WA": accuracy}

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``; the softmax of the decision values, which orders classes as the machine does."""
        return probabilities_by_decision(self.model, self._vectors(data), self.num_classes)

    @property
    def num_parameters(self) -> int:
        """Support vectors, their weights and the offsets."""
        machine = self.model[-1]
        return int(machine.support_vectors_.size + machine.dual_coef_.size + machine.intercept_.size)

    def _vectors(self, data: TrainingData) -> Floats:
        """Return openSMILE's functionals, (N, 88 or 6373)."""
        import opensmile

        smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet[self.config.feature_set],
            feature_level=opensmile.FeatureLevel.Functionals,
        )
        rows = []
        for recording in data.recordings:
            waveform = data.store.waveform(recording)
            samples = np.clip(waveform.samples.ravel(), -1, LOUDEST)
            missing = math.ceil(SHORTEST * waveform.sample_rate) - len(samples)
            samples = np.pad(samples, (0, max(0, missing)))
            rows.append(smile.process_signal(samples, waveform.sample_rate).to_numpy()[0])
        vectors = np.asarray(rows, dtype=np.float64)
        return np.where(np.isfinite(vectors), vectors, np.nan)


@register_classical(needs="openSMILE")
def egemaps_svm(**overrides: Any) -> EgemapsSvm:
    """Build eGeMAPS functionals with an SVM."""
    return EgemapsSvm(validated(SvmConfig, overrides, prefix="model."))


@register_classical(needs="openSMILE")
def compare_svm(**overrides: Any) -> EgemapsSvm:
    """Build ComParE 2016 functionals (Schuller et al., Interspeech 2016) with a linear SVM."""
    given = {
        "feature_set": "ComParE_2016",
        "kernel": "linear",
        "penalties": (1e-4, 1e-3, 1e-2, 1e-1),
    } | overrides
    return EgemapsSvm(validated(SvmConfig, given, prefix="model."))
