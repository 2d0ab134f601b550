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
    places = torch.arange(frames.shape[1], device=frames.device).unsqueeze(0)
    last = (lengths - 1).unsqueeze(1)
    slope = torch.zeros_like(frames)
    for step in range(1, span + 1):
        after = torch.minimum(places + step, last)
        before = (places - step).clamp(min=0).expand_as(after)
        slope = slope + step * (_at(frames, after) - _at(frames, before))
    return slope / (2 * sum(step * step for step in range(1, span + 1)))


def _at(frames: Tensor, places: Tensor) -> Tensor:
    return frames.gather(1, places.unsqueeze(-1).expand_as(frames))
