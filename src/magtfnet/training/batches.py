"""Batches of a training: who is in which, and their features."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from magtfnet.features import FeatureBatch, FeatureStore
from magtfnet.features.store import Recording

READ_AT_ONCE = 256
FRAMES_AT_ONCE = READ_AT_ONCE * 1024
"""Padded frames of a piece, ten seconds an utterance where it is full: long recordings are read fewer at a time."""


class TrainingData:
    """The features and classes of one part of a split.

    Args:
        store: holds the features of every recording.
        recordings: one an utterance.
        targets: the class index of each.
        changes: copies that ``drawn`` may give in place of a recording; the store holds their features too.
        speakers: who speaks in each, None where nobody knows; empty where nobody asks.
    """

    def __init__(
        self,
        store: FeatureStore,
        recordings: Sequence[Recording],
        targets: Sequence[int],
        changes: Sequence[str] = (),
        speakers: Sequence[str | None] = (),
    ) -> None:
        self.store = store
        self.recordings = list(recordings)
        self.changes = (None, *changes)
        self.speakers = tuple(speakers)
        self.targets = torch.tensor(targets, dtype=torch.long)
        self.lengths = np.array([store.length(recording) for recording in self.recordings])

    def __len__(self) -> int:
        return len(self.recordings)

    def batch(self, indices: Sequence[int]) -> tuple[FeatureBatch, Tensor]:
        """Return the features of some utterances, padded to their longest, and their classes (B,).

        Raises:
            StorageError: the store cannot be read.
        """
        return self.store.batch([self.recordings[i] for i in indices]), self.targets[list(indices)]

    def drawn(self, indices: Sequence[int]) -> tuple[FeatureBatch, Tensor]:
        """As ``batch``, each utterance as it is or as one of its copies, which torch's generator draws."""
        if len(self.changes) == 1:
            return self.batch(indices)
        draws = torch.randint(len(self.changes), (len(indices),)).tolist()
        recordings = [
            replace(self.recordings[i], change=self.changes[draw])
            for i, draw in zip(indices, draws, strict=True)
        ]
        return self.store.batch(recordings), self.targets[list(indices)]

    def copies(self) -> "list[TrainingData]":
        """Return the part as it is, then each of its copies, in the same order of utterances."""
        return [
            TrainingData(
                self.store,
                [replace(recording, change=change) for recording in self.recordings],
                self.targets.tolist(),
            )
            for change in self.changes
        ]

    def num_bytes(self, names: Sequence[str]) -> int:
        """Return how much memory the named features of all real frames take."""
        widths = self.store.widths()
        frames = int(self.lengths.sum()) * sum(widths[name] for name in ("log_mel", "lld") if name in names)
        return 4 * (frames + len(self) * (widths.get("functionals", 0) if "functionals" in names else 0))

    def in_order(self) -> list[list[int]]:
        """Return all indices, the shortest utterances first, in pieces that are read at once."""
        pieces: list[list[int]] = []
        for index in np.argsort(self.lengths, kind="stable").tolist():
            most = min(READ_AT_ONCE, FRAMES_AT_ONCE // int(self.lengths[index]))
            if pieces and len(pieces[-1]) < most:
                pieces[-1].append(index)
            else:
                pieces.append([index])
        return pieces


def plan_batches(count: int, batch_size: int, seed: int) -> list[list[int]]:
    """Return the indices of every batch of one epoch, each index once, in an order that ``seed`` decides.

    Lengths play no part: models spend nothing on padding (``models/layout.py``). A last batch of a single
    utterance joins the one before it, since BatchNorm needs two.
    """
    order = np.random.default_rng(seed).permutation(count).tolist()
    batches = [order[i : i + batch_size] for i in range(0, count, batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [batches[-2] + batches[-1]]
    return batches
