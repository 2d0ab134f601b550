"""One vector an utterance: statistics of its log-Mel frames and descriptors."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from magtfnet.features.functionals import functionals
from magtfnet.training.batches import TrainingData

STATISTICS = ("mean", "std", "min", "max", "range")


def utterance_vectors(data: TrainingData, statistics: Sequence[str] = STATISTICS) -> npt.NDArray[np.float64]:
    """Return the statistics of every log-Mel band and descriptor, (N, (M + L) * number of statistics)."""
    rows: npt.NDArray[np.float64] | None = None
    for indices, frames, lengths in pieces(data):
        vectors = functionals(frames, lengths, statistics).double().numpy()
        if rows is None:
            rows = np.zeros((len(data), vectors.shape[1]))
        rows[indices] = vectors
    if rows is None:
        raise ValueError("no utterances")
    return rows


def pieces(data: TrainingData) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """Yield indices, frames (B, T, M + L) and lengths (B,), some utterances at a time."""
    for indices in data.in_order():
        batch, _ = data.batch(indices)
        yield indices, torch.cat((batch.log_mel, batch.lld), dim=-1), batch.lengths
