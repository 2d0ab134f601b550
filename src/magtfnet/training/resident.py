"""A part of a split that stays on the device: an epoch copies indices, not features."""

from collections.abc import Sequence

import torch
from torch import Tensor

from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.models.masking import valid_frames
from magtfnet.training.batches import TrainingData

SHAPES = 4
"""Batches are padded to one of so many numbers of frames, so that few distinct shapes are ever compiled."""


class ResidentData:
    """The standardised features of all utterances, real frames one after another.

    Args:
        data: what is read, once.
        standardizer: fitted, on ``device``.
        device: where the features stay.
        names: of the features that the model takes; others are left away.
    """

    def __init__(
        self, data: TrainingData, standardizer: Standardizer, device: torch.device, names: Sequence[str]
    ) -> None:
        self.device = device
        self.counts = data.lengths
        self.longest = int(data.lengths.max())
        self.targets = data.targets.to(device)
        self.lengths = torch.from_numpy(data.lengths).to(device)
        order: list[int] = []
        functionals: list[Tensor] = []
        frames: dict[str, list[Tensor]] = {name: [] for name in ("log_mel", "lld") if name in names}
        for piece in data.in_order():
            batch = standardizer(data.batch(piece)[0].to(device))
            order += piece
            functionals.append(batch.functionals)
            for name, kept in frames.items():
                padded = getattr(batch, name)
                kept.append(padded[valid_frames(batch.lengths, padded.shape[1])])
        place = torch.empty(len(order), dtype=torch.long, device=device)
        place[order] = torch.arange(len(order), device=device)  # where each utterance stands among those read
        self.functionals = torch.cat(functionals)[place]
        self.frames = {name: torch.cat(kept) for name, kept in frames.items()}
        ends = torch.cumsum(self.lengths[order], dim=0)[place]
        self.starts = ends - self.lengths

    def frames_for(self, indices: Sequence[int]) -> int:
        """Return the frames to which a batch is padded: a quarter, a half, three quarters or all of the longest."""
        step = -(-self.longest // SHAPES)
        return step * -(-int(self.counts[list(indices)].max()) // step)

    def batch(self, indices: Tensor, num_frames: int) -> tuple[FeatureBatch, Tensor]:
        """Return the features of utterances (B,) padded to ``num_frames``, and their classes; all on the device."""
        lengths = self.lengths[indices]
        steps = torch.arange(num_frames, device=indices.device)
        real = valid_frames(lengths, num_frames)
        rows = torch.where(real, self.starts[indices].unsqueeze(1) + steps, 0)
        frames = {
            name: torch.where(real.unsqueeze(-1), values[rows], 0.0) for name, values in self.frames.items()
        }
        nothing = torch.zeros(*real.shape, 0, device=indices.device)
        batch = FeatureBatch(
            frames.get("log_mel", nothing), frames.get("lld", nothing), self.functionals[indices], lengths
        )
        return batch, self.targets[indices]
