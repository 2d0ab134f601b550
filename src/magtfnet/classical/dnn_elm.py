"""DNN-ELM: a network over frames, statistics of what it says, and an extreme learning machine over these.

Wang and Tashev: "Learning utterance-level representations for speech emotion and age/gender recognition using
deep neural networks", ICASSP 2017: a network learns through the mean over time of its last hidden layer, this mean
stands for the utterance, and an extreme learning machine with a kernel classifies it. Han, Yu, Tashev
(Interspeech 2014), by ``learns_from = "frames"``, ``representation = "probabilities"`` and ``machine = "random"``: the
network learns from frames, statistics of its probabilities stand for the utterance, and the machine (Huang et al.,
Neurocomputing 2006) has random hidden units and output weights by ridge regression. Both machines are solved in closed
form; their width or units and their ridge are chosen by validation WA.

The papers' inputs are other descriptors than ours (log-Mel and low-level descriptors), and Han et al. take the segments
of an utterance that have the most energy, where here every so many frames one is learnt from, and all are heard.
Layers, context, the kernel (radial) and the sharpness of the probabilities, which the machine does not give, are ours.
"""

from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from magtfnet.classical.frame_network import FrameNetwork, FrameNetworkConfig
from magtfnet.classical.kernel_machine import KernelMachine, fit_kernel_ridge
from magtfnet.classical.protocol import ClassicalSystem, Floats, best_of, register_classical, softmax
from magtfnet.config import Positive, validated
from magtfnet.training.batches import TrainingData

CONSTANT = 1e-9
"""A number that varies less in training is only centred: dividing would blow up what tells nothing."""

CONFIDENT = 0.2
"""The fourth statistic of Han et al.: the share of frames whose probability of a class lies above."""
SHARPNESS = 5.0
"""Of the softmax over the machine's outputs, which lie about 0 and 1."""


class DnnElmConfig(FrameNetworkConfig):
    """The network, and what is tried of the machine; ``units`` are of the random one, ``gammas`` of the kernel."""

    learns_from: Literal["frames", "utterances"] = "utterances"
    epochs: int = Field(40, ge=1)
    patience: int = Field(8, ge=1)
    representation: Literal["both", "hidden", "probabilities"] = "hidden"
    machine: Literal["kernel", "random"] = "kernel"
    units: tuple[Annotated[int, Field(ge=1)], ...] = Field((60, 120, 240, 480), min_length=1)
    gammas: tuple[Positive, ...] = Field(
        (0.1, 0.3, 1.0), min_length=1
    )  # over the mean squared distance a feature
    ridges: tuple[Positive, ...] = Field((0.1, 1.0, 10.0, 100.0), min_length=1)


class ExtremeLearningMachine:
    """Random hidden units, output weights in closed form.

    Args:
        units: hidden units.
        ridge: added to the diagonal of the normal equations.
        seed: of the random weights.
    """

    def __init__(self, units: int, ridge: float, seed: int) -> None:
        self.units, self.ridge, self.seed = units, ridge, seed

    def fit(self, vectors: Floats, targets: Floats) -> "ExtremeLearningMachine":
        """Solve for the output weights; vectors (N, F), one-hot targets (N, K)."""
        generator = np.random.default_rng(self.seed)
        features = vectors.shape[1]
        self.mean, spread = vectors.mean(axis=0), vectors.std(axis=0)
        self.deviation = np.where(spread > CONSTANT, spread, 1.0)
        self.weights = generator.normal(size=(features, self.units)) / np.sqrt(features)
        self.biases = generator.normal(size=self.units)
        hidden = self._hidden(vectors)
        normal = hidden.T @ hidden + self.ridge * np.eye(self.units)
        self.outputs = np.linalg.solve(normal, hidden.T @ targets)
        return self

    @property
    def num_parameters(self) -> int:
        """Of both layers."""
        return sum(part.size for part in (self.weights, self.biases, self.outputs))

    def scores(self, vectors: Floats) -> Floats:
        """Return (N, K)."""
        scores: Floats = self._hidden(vectors) @ self.outputs
        return scores

    def _hidden(self, vectors: Floats) -> Floats:
        standard = (vectors - self.mean) / self.deviation
        hidden: Floats = np.tanh(standard @ self.weights + self.biases)
        return hidden


Machine = ExtremeLearningMachine | KernelMachine


class DnnElm(ClassicalSystem):
    """See the module.

    Args:
        config: the network and the machine.
    """

    def __init__(self, config: DnnElmConfig) -> None:
        self.config = config
        self.network = FrameNetwork(config)

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        self.network.fit(training, validation, num_classes, seed)
        vectors, held_out = self._vectors(training), self._vectors(validation)
        targets = np.eye(num_classes)[training.targets.numpy()]
        candidates = [
            (chosen, self._machine(vectors, targets, chosen, seed)) for chosen in self._candidates()
        ]
        (chosen, self.machine), accuracy = best_of(
            candidates, lambda candidate: _probabilities(candidate[1], held_out), validation.targets.tolist()
        )
        return {**chosen, "validation_WA": accuracy}

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        return _probabilities(self.machine, self._vectors(data))

    @property
    def num_parameters(self) -> int:
        """Of the network and of the machine."""
        return self.network.num_parameters + self.machine.num_parameters

    def _candidates(self) -> list[dict[str, Any]]:
        """Return what is tried of the machine."""
        name, values = (
            ("gamma", self.config.gammas) if self.config.machine == "kernel" else ("units", self.config.units)
        )
        return [{name: value, "ridge": ridge} for value, ridge in product(values, self.config.ridges)]

    def _machine(self, vectors: Floats, targets: Floats, chosen: dict[str, Any], seed: int) -> Machine:
        if self.config.machine == "kernel":
            return fit_kernel_ridge(vectors, targets, **chosen)
        return ExtremeLearningMachine(**chosen, seed=seed).fit(vectors, targets)

    def _vectors(self, data: TrainingData) -> Floats:
        """Return the representation of each utterance."""
        rows: list[Floats] = [np.zeros(0)] * len(data)
        for index, hidden, probabilities in self.network.outputs(data):
            said = probabilities.double().numpy()
            kinds = {
                "hidden": [hidden.double().numpy().mean(axis=0)],
                "probabilities": [
                    said.max(axis=0),
                    said.min(axis=0),
                    said.mean(axis=0),
                    (said > CONFIDENT).mean(axis=0),
                ],
            }
            chosen = kinds if self.config.representation == "both" else [self.config.representation]
            rows[index] = np.concatenate([part for kind in chosen for part in kinds[kind]])
        return np.stack(rows)


def _probabilities(machine: Machine, vectors: Floats) -> Floats:
    return softmax(SHARPNESS * machine.scores(vectors))


@register_classical()
def dnn_elm(**overrides: Any) -> DnnElm:
    """Build DNN-ELM."""
    return DnnElm(validated(DnnElmConfig, overrides, prefix="model."))
