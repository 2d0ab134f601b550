"""DNN-ELM: a network over frames, statistics of what it says, and an extreme learning machine over these.

Wang and Tashev: "Learning utterance-level representations for speech emotion and age/gender recognition using
deep neural networks", ICASSP 2017: the mean over time of the last hidden layer stands for the utterance. Han, Yu,
Tashev (Interspeech 2014): statistics of the frame probabilities do; both are taken here, one beside the other
(``representation`` names one). The extreme learning machine (Huang et al., Neurocomputing 2006) has random hidden
units and output weights by ridge regression in closed form; their number and the ridge are chosen by validation WA.

Otherwise than in the paper of 2017, whose network learns jointly with a classifier of utterances and whose machine
has a kernel: here the network learns from frames, and the machine is that of 2014. Layers, context, inputs (log-Mel
and low-level descriptors) and the sharpness of the probabilities, which the machine does not give, are ours.
"""

from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field

from magtfnet.classical.frame_network import FrameNetwork, FrameNetworkConfig
from magtfnet.classical.protocol import ClassicalSystem, Floats, best_of, register_classical, softmax
from magtfnet.config import validated
from magtfnet.training.batches import TrainingData

CONFIDENT = 0.2
"""The fourth statistic of Han et al.: the share of frames whose probability of a class lies above."""
SHARPNESS = 5.0
"""Of the softmax over the machine's outputs, which lie about 0 and 1."""


class DnnElmConfig(FrameNetworkConfig):
    """The network, and what is tried of the machine."""

    representation: Literal["both", "hidden", "probabilities"] = "both"
    units: tuple[int, ...] = Field((60, 120, 240, 480), min_length=1)
    ridges: tuple[float, ...] = Field((0.1, 1.0, 10.0, 100.0), min_length=1)


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
        self.mean, self.deviation = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-9)
        self.weights = generator.normal(size=(features, self.units)) / np.sqrt(features)
        self.biases = generator.normal(size=self.units)
        hidden = self._hidden(vectors)
        normal = hidden.T @ hidden + self.ridge * np.eye(self.units)
        self.outputs = np.linalg.solve(normal, hidden.T @ targets)
        return self

    def scores(self, vectors: Floats) -> Floats:
        """Return (N, K)."""
        scores: Floats = self._hidden(vectors) @ self.outputs
        return scores

    def _hidden(self, vectors: Floats) -> Floats:
        standard = (vectors - self.mean) / self.deviation
        hidden: Floats = np.tanh(standard @ self.weights + self.biases)
        return hidden


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
        machines = [
            ExtremeLearningMachine(units, ridge, seed).fit(vectors, targets)
            for units, ridge in product(self.config.units, self.config.ridges)
        ]
        self.machine, accuracy = best_of(
            machines, lambda machine: _probabilities(machine, held_out), validation.targets.tolist()
        )
        return {"units": self.machine.units, "ridge": self.machine.ridge, "validation_WA": accuracy}

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        return _probabilities(self.machine, self._vectors(data))

    @property
    def num_parameters(self) -> int:
        """Of the network and of both layers of the machine."""
        machine = self.machine
        return self.network.num_parameters + sum(
            part.size for part in (machine.weights, machine.biases, machine.outputs)
        )

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


def _probabilities(machine: ExtremeLearningMachine, vectors: Floats) -> Floats:
    return softmax(SHARPNESS * machine.scores(vectors))


@register_classical
def dnn_elm(**overrides: Any) -> DnnElm:
    """Build DNN-ELM."""
    return DnnElm(validated(DnnElmConfig, overrides, prefix="model."))
