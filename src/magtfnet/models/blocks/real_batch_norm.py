"""Batch normalisation whose statistics are of real frames only."""

import torch
from torch import Tensor, nn


class RealBatchNorm(nn.Module):
    """``nn.BatchNorm1d`` over the real frames of padded ones, which stay zero on padding.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Map frames (B, T, C) of which ``valid`` (B, T) are real to frames of the same shape."""
        real = self.norm(frames[valid])
        return torch.zeros_like(frames).index_put((valid,), real.to(frames.dtype))
