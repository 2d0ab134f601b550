"""Deltas of frames: how each feature changes around a frame, by linear regression over frames on either side."""

import torch
from torch import Tensor

SPAN = 2
"""Frames on either side, where not said otherwise."""


def delta(frames: Tensor, lengths: Tensor, span: int = SPAN) -> Tensor:
    """Return the slope at each frame, (B, T, C); beyond an utterance's ends its first and last frame go on.

    Args:
        frames: (B, T, C).
        lengths: (B,) real frames; what the result holds on padding means nothing.
        span: frames on either side.
    """
    last = (lengths - 1).unsqueeze(1)
    places = torch.arange(-span, frames.shape[1] + span, device=frames.device).clamp(min=0).unsqueeze(0)
    inside = torch.minimum(places, last)
    around = frames.gather(1, inside.unsqueeze(-1).expand(-1, -1, frames.shape[2]))
    slope = torch.zeros_like(frames)
    for step in range(1, span + 1):
        after = around[:, span + step : step - span or None]
        before = around[:, span - step : -span - step]
        slope = slope + step * (after - before)
    return slope / (2 * sum(step * step for step in range(1, span + 1)))
