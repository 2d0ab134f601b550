"""Batches of utterances of like length, so that little is padding."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from magtfnet.features import FeatureBatch, FeatureStore
from magtfnet.features.store import Recording

CHUNK_BATCHES = 8
"""Utterances are sorted by length within chunks of so many batches: little padding, yet other mates each epoch."""
READ_AT_ONCE = 256


class TrainingData:
    """The features and classes of one part of a split.

    Args:
        store: holds the features of every recording.
        recordings: one an utterance.
        targets: the class index of each.
    """

    def __init__(self, store: FeatureStore, recordings: Sequence[Recording], targets: Sequence[int]) -> None:
        self.store = store
        self.recordings = list(recordings)
        self.targets = torch.tensor(targets, dtype=torch.long)
        self.lengths = np.array([store.length(recording) for recording in self.recordings])

    def __len__(self) -> int:
        return len(self.recordings)

    def batch(self, indices: Sequence[int]) -> tuple[FeatureBatch, Tensor]:
        """Return the features of some utterances, padded to their longest, and their classes (B,)."""
        return self.store.batch([self.recordings[i] for i in indices]), self.targets[list(indices)]

    def in_order(self) -> list[list[int]]:
        """Return all indices, the shortest utterances first, in pieces that are read at once."""
        order = np.argsort(self.lengths, kind="stable").tolist()
        return [order[i : i + READ_AT_ONCE] for i in range(0, len(order), READ_AT_ONCE)]


def plan_batches(lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int) -> list[list[int]]:
    """Return the indices of every batch of one epoch, each index once.

    The order is random; within each chunk of ``CHUNK_BATCHES`` batches utterances are sorted by length, and
    the batches are shuffled. A last batch of a single utterance joins the one before it, since BatchNorm
    needs two.

    Args:
        lengths: frames of each utterance.
        batch_size: utterances a batch.
        seed: decides the order.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(lengths))
    chunk = batch_size * CHUNK_BATCHES
    arranged = np.concatenate(
        [part[np.argsort(np.asarray(lengths)[part], kind="stable")] for part in _pieces(order, chunk)]
    )
    batches = [part.tolist() for part in _pieces(arranged, batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [batches[-2] + batches[-1]]
    return [batches[i] for i in generator.permutation(len(batches))]


def _pieces(values: np.ndarray, size: int) -> list[np.ndarray]:
    return [values[i : i + size] for i in range(0, len(values), size)]
