"""A tree of SVMs over acoustic and deep features, weighted by a genetic algorithm.

Sun, Li, Fu, Li: "Speech emotion recognition based on genetic algorithm-decision tree fusion of deep and acoustic
features", ETRI Journal 44(3), 2022. Frame-level acoustic features and what a network over frames makes of them;
five statistics of each over an utterance; Fisher's criterion keeps the better ones; a genetic algorithm finds how
much each kind counts; a tree of two-class SVMs separates what is told apart easily first and the most confusable
emotions last. Features are selected by Fisher's criterion; what the genetic algorithm searches is the one weight of the
fusion, as the paper's abstract has it. Open are the algorithm's settings and how confusion is measured: here by a
flat SVM on the validation part, and the algorithm's fitness is validation WA of that SVM. The network over frames, the
share that Fisher's criterion keeps and the penalties that are tried are ours: configuration. Ours too is that no
decision is final: an SVM says by how far it decides (a logistic function of twice the distance), and a class has the
product on its way.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from magtfnet.classical.frame_network import FrameNetwork, FrameNetworkConfig
from magtfnet.classical.protocol import (
    Best,
    ClassicalSystem,
    Floats,
    probabilities_by_decision,
    register_classical,
)
from magtfnet.classical.utterance_vectors import STATISTICS, utterance_vectors
from magtfnet.config import Positive, validated
from magtfnet.evaluation.metrics import confusion_matrix
from magtfnet.features.functionals import functionals
from magtfnet.training.batches import TrainingData


class SvmTreeConfig(FrameNetworkConfig):
    """The network, Fisher's share, the genetic algorithm and what is tried of the SVMs."""

    kept: float = Field(0.5, gt=0, le=1)
    population: int = Field(12, ge=2)
    generations: int = Field(8, ge=1)
    mutation: float = Field(0.1, gt=0)
    penalties: tuple[Positive, ...] = Field((1.0, 10.0), min_length=1)


@dataclass(frozen=True)
class Node:
    """A place in the tree: an SVM between the classes on its left and those on its right, or a single class."""

    classes: tuple[int, ...]
    machine: SVC | None = None
    left: "Node | None" = None
    right: "Node | None" = None

    def probabilities(self, vectors: Floats, num_classes: int) -> Floats:
        """Return (N, K): the product of the decisions on the way to each class."""
        if self.machine is None or self.left is None or self.right is None:
            return np.tile(np.eye(num_classes)[list(self.classes)].mean(axis=0), (len(vectors), 1))
        to_right = 1 / (1 + np.exp(-2 * self.machine.decision_function(vectors)))[:, None]
        left = self.left.probabilities(vectors, num_classes)
        both: Floats = (1 - to_right) * left + to_right * self.right.probabilities(vectors, num_classes)
        return both

    def count(self) -> int:
        """Return the numbers that the machines below have learnt."""
        own = 0 if self.machine is None else self.machine.support_vectors_.size + self.machine.dual_coef_.size
        return int(own + sum(child.count() for child in (self.left, self.right) if child is not None))


class SvmDecisionTree(ClassicalSystem):
    """See the module.

    Args:
        config: its settings.
    """

    def __init__(self, config: SvmTreeConfig) -> None:
        self.config = config
        self.network = FrameNetwork(config)

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        self.num_classes = num_classes
        self.network.fit(training, validation, num_classes, seed)
        targets, truth = training.targets.numpy(), validation.targets.tolist()
        kinds = self._kinds(training)
        self.scalers = [StandardScaler().fit(kind) for kind in kinds]
        standard = self._standard(kinds)
        self.chosen = [fisher(kind, targets, self.config.kept) for kind in standard]
        held_out = self._standard(self._kinds(validation))
        self.weight, penalty, flat = self._evolve(standard, targets, held_out, truth, seed)
        confused = confusion_rates(confusion_matrix(truth, flat.argmax(axis=1).tolist(), num_classes))
        vectors = self._fused(standard, self.weight)
        self.tree = grow(tuple(range(num_classes)), confused, vectors, targets, penalty)
        found = self.tree.probabilities(self._fused(held_out, self.weight), num_classes)
        accuracy = float(np.mean(found.argmax(axis=1) == np.asarray(truth)))
        return {"weight_of_deep_features": self.weight, "C": penalty, "validation_WA": accuracy}

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        vectors = self._fused(self._standard(self._kinds(data)), self.weight)
        return self.tree.probabilities(vectors, self.num_classes)

    @property
    def num_parameters(self) -> int:
        """Of the network and of the machines."""
        return self.network.num_parameters + self.tree.count()

    def _kinds(self, data: TrainingData) -> list[Floats]:
        """Return acoustic and deep statistics of each utterance."""
        deep = np.zeros((len(data), len(STATISTICS) * self.config.layers[-1]))
        for index, hidden, _ in self.network.outputs(data):
            deep[index] = functionals(hidden[None], torch.tensor([len(hidden)]), STATISTICS).double().numpy()
        return [utterance_vectors(data), deep]

    def _standard(self, kinds: list[Floats]) -> list[Floats]:
        return [scaler.transform(kind) for scaler, kind in zip(self.scalers, kinds, strict=True)]

    def _fused(self, kinds: list[Floats], weight: float) -> Floats:
        acoustic, deep = (kind[:, chosen] for kind, chosen in zip(kinds, self.chosen, strict=True))
        return np.hstack(((1 - weight) * acoustic, weight * deep))

    def _evolve(
        self, kinds: list[Floats], targets: Floats, held_out: list[Floats], truth: list[int], seed: int
    ) -> tuple[float, float, Floats]:
        """Return the weight of the deep features, C, and the flat SVM's validation scores with these."""
        generator = np.random.default_rng(seed)
        best: Best[tuple[float, float, Floats]] = Best(truth)

        def fitness(weight: float) -> tuple[float, float]:
            own: Best[float] = Best(truth)
            for penalty in self.config.penalties:
                machine = SVC(C=penalty).fit(self._fused(kinds, weight), targets)
                scores = probabilities_by_decision(machine, self._fused(held_out, weight), self.num_classes)
                own.offer(weight, scores)
                best.offer((weight, penalty, scores), scores)
            return own.score

        population = generator.uniform(0.05, 0.95, size=self.config.population)
        for generation in range(self.config.generations):
            ranked = population[np.argsort([-fitness(weight)[0] for weight in population], kind="stable")]
            if generation == self.config.generations - 1:
                break
            parents = ranked[: max(2, len(ranked) // 2)]
            pairs = generator.choice(parents, size=(len(population) - 1, 2))
            share = generator.random(len(pairs))
            children = share * pairs[:, 0] + (1 - share) * pairs[:, 1]
            children += generator.normal(0, self.config.mutation, size=len(children))
            population = np.concatenate((ranked[:1], np.clip(children, 0.01, 0.99)))
        return best.candidate


def fisher(vectors: Floats, targets: Floats, share: float) -> Floats:
    """Return the places of the features with the largest ratio of variance between classes to that within."""
    classes = np.unique(targets)
    means = np.stack([vectors[targets == k].mean(axis=0) for k in classes])
    within = np.stack([vectors[targets == k].var(axis=0) for k in classes]).mean(axis=0)
    ratio = means.var(axis=0) / np.maximum(within, 1e-12)
    places: Floats = np.sort(np.argsort(-ratio, kind="stable")[: max(1, round(share * len(ratio)))])
    return places


def grow(
    classes: tuple[int, ...],
    confused: Floats,
    vectors: Floats,
    targets: Floats,
    penalty: float,
) -> Node:
    """Return a tree whose two sides are confused least, so that the most confusable classes part last.

    Args:
        classes: that are told apart.
        confused: how often two classes are taken for each other, (K, K); see ``confusion_rates``.
        vectors: of the training part, (N, F).
        targets: (N,).
        penalty: C of every machine.
    """
    present = tuple(k for k in classes if np.any(targets == k))
    if len(present) < 2:
        return Node(present or classes)
    left, right = part(present, confused)
    here = np.isin(targets, present)
    machine = SVC(C=penalty).fit(vectors[here], np.isin(targets[here], right))
    sides = (grow(side, confused, vectors, targets, penalty) for side in (left, right))
    return Node(classes, machine, *sides)


def confusion_rates(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the share of either class that is taken for the other, added up, (K, K), of counts (K, K) with truth down.

    Shares, since by counts the frequent classes would look the most confusable. A class without utterances has none.
    """
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares + shares.T


def part(classes: tuple[int, ...], confused: Floats) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Join the two groups that are confused most until two are left."""
    groups: list[tuple[int, ...]] = [(k,) for k in classes]
    while len(groups) > 2:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i + 1, len(groups))]
        rates = [confused[np.ix_(groups[i], groups[j])].mean() for i, j in pairs]
        i, j = pairs[int(np.argmax(rates))]
        joined = tuple(sorted(groups[i] + groups[j]))
        groups = [group for n, group in enumerate(groups) if n not in (i, j)] + [joined]
    return groups[0], groups[1]


@register_classical()
def svm_decision_tree(**overrides: Any) -> SvmDecisionTree:
    """Build the tree of SVMs over acoustic and deep features."""
    return SvmDecisionTree(validated(SvmTreeConfig, overrides, prefix="model."))
