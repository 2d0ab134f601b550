"""Real frames and padding: ``valid`` is True on real frames, and means are over these only."""

import torch
from torch import Tensor


def valid_frames(lengths: Tensor, num_frames: int) -> Tensor:
    """Return (B, T), True on the first ``lengths`` (B,) frames."""
    return torch.arange(num_frames, device=lengths.device) < lengths.unsqueeze(1)


def zero_padding(frames: Tensor, valid: Tensor) -> Tensor:
    """Return frames (B, T, C) with zeros where ``valid`` (B, T) is False, whatever stood there, NaN included."""
    return torch.where(valid.unsqueeze(-1), frames, 0.0)


def masked_mean(frames: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the real frames, (B, T, C) to (B, C): z = sum_t x_t mask_t / length (eq. 16)."""
    weights = valid.to(frames.dtype) / valid.sum(dim=1, keepdim=True)
    return torch.einsum("bt,btc->bc", weights, frames)
