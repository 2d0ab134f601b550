"""Functionals: statistics of the frames of an utterance, one vector whatever its length (paper, section 4.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from magtfnet.features.frames import real


def functionals(lld: Tensor, lengths: Tensor, statistics: Sequence[str] = ("mean", "std")) -> Tensor:
    """Return the statistics of the real frames.

    Args:
        lld: frames (B, T, L).
        lengths: real frames of each utterance (B,), at least 1.
        statistics: of ``mean``, ``std`` (over N, zero for one frame), ``min``, ``max`` and ``range``.

    Returns:
        float32 (B, L * len(statistics)): all means, then all deviations, and so on.
    """
    valid = real(lengths, lld.shape[1]).unsqueeze(-1)  # (B, T, 1)
    frames = lld.double()
    count = lengths.unsqueeze(-1)
    mean = torch.where(valid, frames, 0.0).sum(dim=1) / count
    columns = []
    for statistic in statistics:
        if statistic == "mean":
            columns.append(mean)
        elif statistic == "std":
            deviation = torch.where(valid, frames - mean.unsqueeze(1), 0.0)
            columns.append((deviation.square().sum(dim=1) / count).sqrt())
        else:
            low = torch.where(valid, frames, torch.inf).amin(dim=1)
            high = torch.where(valid, frames, -torch.inf).amax(dim=1)
            columns.append({"min": low, "max": high, "range": high - low}[statistic])
    return torch.cat(columns, dim=-1).float()


def functional_names(descriptors: Sequence[str], statistics: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the functionals in their order, such as ``rms_mean``."""
    return tuple(f"{descriptor}_{statistic}" for statistic in statistics for descriptor in descriptors)
