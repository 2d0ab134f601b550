"""What every classical system is, and how it is made by its name."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

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
        """Learn, and return what was chosen on validation data, as plain data.

        Args:
            training: what is learnt from; ``copies()`` are its recordings changed, for a system that learns from them.
            validation: what chooses.
            num_classes: K; a class may be absent from either part.
            seed: of all that is drawn.

        Returns:
            the settings chosen, by their names, and under ``validation_WA`` the share of ``validation`` that the chosen
            ones name rightly, 0 to 1.

        Raises:
            DivergenceError: nothing that was learnt gives numbers.
        """

    @abstractmethod
    def predict_proba(self, data: TrainingData) -> Floats:
        """Return probabilities (N, K) of the utterances in their order; their classes are not looked at."""

    @property
    def weights_digest(self) -> str | None:
        """A digest of the pretrained weights that it begins with; None where it begins with none."""
        return None

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """How many numbers the system has learnt."""

    @property
    def num_bytes(self) -> int:
        """How much would have to be kept of it to predict."""
        return len(pickle.dumps(self))


Builder = Callable[..., ClassicalSystem]
Need = Literal["weights", "openSMILE"]


@dataclass(frozen=True)
class Registered:
    """A system's builder, and what is known of it before it is built.

    Args:
        build: takes overrides of the system's configuration.
        needs: what the user has to bring, the weights of an encoder or a library; None for nothing.
        learns_from_copies: ``training.copies`` changes what it learns.
    """

    build: Builder
    needs: Need | None
    learns_from_copies: bool


CLASSICAL: Registry[Registered] = Registry("classical system")


def register_classical(
    *, needs: Need | None = None, learns_from_copies: bool = False
) -> Callable[[Builder], Builder]:
    """Return what registers a builder under its own name; see ``Registered``."""

    def register(builder: Builder) -> Builder:
        CLASSICAL.add(builder.__name__, Registered(builder, needs, learns_from_copies))
        return builder

    return register


def create_classical(name: str, **overrides: Any) -> ClassicalSystem:
    """Build a registered system.

    Raises:
        UnknownNameError: no such system.
        ConfigError: an unknown key or a refused value.
    """
    return CLASSICAL[name].build(**overrides)


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


def probabilities_by_decision(machine: Any, vectors: Floats, num_classes: int) -> Floats:
    """Return (N, K): the softmax of a machine's decision values, one a class (of two classes it gives one value)."""
    decided = machine.decision_function(vectors)
    if decided.ndim == 1:  # two classes
        decided = np.stack((-decided, decided), axis=1)
    return in_all_classes(softmax(decided), machine.classes_, num_classes)
