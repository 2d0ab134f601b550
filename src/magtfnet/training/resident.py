"""A part of a split that stays on the device: an epoch copies indices, not features."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.training.batches import TrainingData

SHAPES = 4
"""Batches are padded to one of so many numbers of frames, so that few distinct shapes are ever compiled."""


class ResidentData:
    """The standardised features of all utterances, real frames one after another.

    Args:
        data: what is read, once.
        standardizer: fitted, on ``device``.
        device: where the features stay.
    """

    def __init__(self, data: TrainingData, standardizer: Standardizer, device: torch.device) -> None:
        frames: list[FeatureBatch] = []
        order = [index for piece in data.in_order() for index in piece]
        for piece in data.in_order():
            frames.append(standardizer(data.batch(piece)[0].to(device)))
        self.device = device
        self.counts = data.lengths
        self.longest = int(data.lengths.max())
        self.targets = data.targets.to(device)
        self.lengths = torch.from_numpy(data.lengths).to(device)
        place = torch.empty(len(order), dtype=torch.long)
        place[order] = torch.arange(len(order))  # where each utterance stands among those read
        self.functionals = torch.cat([batch.functionals for batch in frames])[place.to(device)]
        self.log_mel, self.lld = (
            torch.cat([_real(getattr(batch, name), batch.lengths) for batch in frames])
            for name in ("log_mel", "lld")
        )
        ends = torch.cumsum(torch.cat([batch.lengths for batch in frames]), 0)[place.to(device)]
        self.starts = ends - self.lengths

    def frames_for(self, indices: Sequence[int]) -> int:
        """Return the frames to which a batch is padded: a quarter, a half, three quarters or all of the longest."""
        step = -(-self.longest // SHAPES)
        return step * -(-int(self.counts[list(indices)].max()) // step)

    def batch(self, indices: Tensor, num_frames: int) -> tuple[FeatureBatch, Tensor]:
        """Return the features of utterances (B,) padded to ``num_frames``, and their classes; all on the device."""
        lengths = self.lengths[indices]
        steps = torch.arange(num_frames, device=indices.device)
        rows = (self.starts[indices].unsqueeze(1) + steps).clamp_max(len(self.log_mel) - 1)  # (B, T)
        real = (steps < lengths.unsqueeze(1)).unsqueeze(-1)
        batch = FeatureBatch(self.log_mel[rows], self.lld[rows], self.functionals[indices], lengths)
        zeros = {name: torch.where(real, getattr(batch, name), 0.0) for name in ("log_mel", "lld")}
        return replace(batch, **zeros), self.targets[indices]


def _real(frames: Tensor, lengths: Tensor) -> Tensor:
    steps = torch.arange(frames.shape[1], device=lengths.device)
    return frames[steps < lengths.unsqueeze(1)]
