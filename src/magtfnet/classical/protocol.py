"""What every classical system is, and how it is made by its name."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from magtfnet.errors import DivergenceError
from magtfnet.registry import Registry
from magtfnet.training.batches import TrainingData

Floats = npt.NDArray[np.float64]
Candidate = TypeVar("Candidate")


class ClassicalSystem(ABC):
    """Learns from the training part, chooses on the validation part, gives probabilities.

    ``uses_front_end`` says whether it takes our features; if not, it reads the recordings itself.
    """

    uses_front_end: bool = True

    @abstractmethod
    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """Learn, and return what was chosen on validation data, as plain data."""

    @abstractmethod
    def predict_proba(self, data: TrainingData) -> Floats:
        """Return probabilities (N, K) of the utterances in their order; their classes are not looked at."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """How many numbers the system has learnt."""

    @property
    def num_bytes(self) -> int:
        """How much would have to be kept of it to predict."""
        return len(pickle.dumps(self))


CLASSICAL: Registry[Callable[..., ClassicalSystem]] = Registry("classical system")


def register_classical(builder: Callable[..., ClassicalSystem]) -> Callable[..., ClassicalSystem]:
    """Register a builder under its own name; it takes overrides of the system's configuration."""
    return CLASSICAL.add(builder.__name__, builder)


def create_classical(name: str, **overrides: Any) -> ClassicalSystem:
    """Build a registered system.

    Raises:
        UnknownNameError: no such system.
        ConfigError: an unknown key or a refused value.
    """
    return CLASSICAL[name](**overrides)


class Best(Generic[Candidate]):
    """Keeps the candidate with the highest validation WA; of equal ones the one with the lowest log-loss.

    One whose probabilities are not all numbers is passed over: it diverged.

    Args:
        truth: (N,) class indices of the validation part.
    """

    def __init__(self, truth: Sequence[int]) -> None:
        self.truth = np.asarray(truth)
        self.score = (-1.0, -np.inf)
        self.diverged = 0
        self._candidate: Candidate | None = None

    def offer(self, candidate: Candidate, probabilities: Floats) -> None:
        """Take a candidate into account by its validation probabilities (N, K)."""
        if not np.isfinite(probabilities).all():
            self.diverged += 1
            return
        accuracy = float(np.mean(probabilities.argmax(axis=1) == self.truth))
        of_truth = probabilities[np.arange(len(self.truth)), self.truth]
        score = (accuracy, float(np.mean(np.log(np.maximum(of_truth, 1e-12)))))
        if score > self.score:
            self.score, self._candidate = score, candidate

    @property
    def candidate(self) -> Candidate:
        """The best so far.

        Raises:
            DivergenceError: none gave numbers.
        """
        if self._candidate is None and self.diverged:
            raise DivergenceError(
                f"the validation probabilities were no numbers in all of {self.diverged} epochs or settings; "
                "lower model.learning_rate where the system has one"
            )
        if self._candidate is None:
            raise ValueError("no candidate was offered")
        return self._candidate


def best_of(
    candidates: Iterable[Candidate], predict: Callable[[Candidate], Floats], truth: Sequence[int]
) -> tuple[Candidate, float]:
    """Return the candidate whose validation probabilities are best, and its validation WA."""
    best: Best[Candidate] = Best(truth)
    for candidate in candidates:
        best.offer(candidate, predict(candidate))
    return best.candidate, best.score[0]


def softmax(scores: Floats) -> Floats:
    """Return probabilities (N, K) of scores (N, K)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def in_all_classes(probabilities: Floats, classes: Sequence[int], num_classes: int) -> Floats:
    """Return (N, K) from the columns of the classes that training had; the others are 0."""
    whole = np.zeros((len(probabilities), num_classes))
    whole[:, list(classes)] = probabilities
    return whole
