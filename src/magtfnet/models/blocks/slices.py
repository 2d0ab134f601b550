"""Slices of one length, for systems that know no other, and the mean of what they say of each slice.

They are one behind another, the last filled up with zeros, and each counts alike, however little of it is speech.
Training sees the mean as well. Other ways are in the field: Satt et al. (Interspeech 2017) and Chen et al. (SPL 2018)
train each slice by itself, and the latter's code takes an utterance's last 300 frames for its last slice.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from magtfnet.models.masking import valid_frames, zero_padding
from magtfnet.models.precision import at_least_float32, full_precision


def cut(frames: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cut utterances (B, T, C) into slices of ``size`` frames, the last of each filled up with zeros.

    Returns:
        slices (S, size, C) and the utterance that each belongs to, (S,).
    """
    real = zero_padding(frames, valid_frames(lengths, frames.shape[1]))
    filled = functional.pad(real, (0, 0, 0, -frames.shape[1] % size))
    pieces = filled.reshape(filled.shape[0], -1, size, filled.shape[2])  # (B, most slices, size, C)
    counts = (lengths + size - 1) // size
    there = valid_frames(counts, pieces.shape[1])
    return pieces[there], there.nonzero()[:, 0]


def mean_over_slices(
    classify: Callable[[Tensor, Tensor], Tensor], frames: Tensor, lengths: Tensor, size: int
) -> Tensor:
    """Return the logarithms of an utterance's probabilities, which are the mean of its slices', (B, K).

    Args:
        classify: maps slices (S, size, C) and the utterance of each (S,) to logits (S, K).
        frames: (B, T, C).
        lengths: (B,) real frames.
        size: of a slice.
    """
    slices, owners = cut(frames, lengths, size)
    logits = classify(slices, owners)
    with full_precision(frames):
        probabilities = functional.softmax(at_least_float32(logits), dim=-1)
        utterances = torch.arange(lengths.shape[0], device=lengths.device)
        belongs = (utterances.unsqueeze(1) == owners).to(probabilities.dtype)  # (B, S)
        mean = belongs @ probabilities / belongs.sum(dim=1, keepdim=True)
        return torch.log(mean + torch.finfo(mean.dtype).tiny)
