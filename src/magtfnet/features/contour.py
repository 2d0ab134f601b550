"""Functionals of contours: how each number of a frame runs through an utterance, in 26 statistics.

Moments, percentiles, line and parabola fitted by least squares, time spent high, peaks, autocorrelation and the
times of the extremes: the families of functionals of eGeMAPS (Eyben et al., IEEE Trans. Affective Computing
2016) and ComParE (Weninger et al., Frontiers in Psychology 2013), written from their definitions.
"""

import torch
from torch import Tensor

from magtfnet.features.frames import ascending, real

PERCENTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
LEVELS = (0.25, 0.5, 0.75, 0.9)
"""Shares of the range between the first and the 99th percentile."""
LAGS = (1, 4, 10, 20)
"""In frames."""

STATISTICS = (
    *("mean", "std", "skewness", "kurtosis"),
    *(f"percentile_{100 * share:.0f}" for share in PERCENTILES),
    *("slope", "slope_error", "curvature"),
    *(f"time_above_{100 * level:.0f}" for level in LEVELS),
    *("rising", "peaks", "peak_height", "change"),
    *(f"autocorrelation_{lag}" for lag in LAGS),
    *("time_of_maximum", "time_of_minimum"),
)
NOISE = 1e-3
"""Less than this is no movement: between the frames of a steady sound the last bits of the arithmetic differ."""
GRAIN = 1e-6
"""To this contours are rounded, for the same reason."""
TINY = 1e-9
"""Added to deviations: what does not vary has statistics of zero, not of noise."""


def contour_statistics(frames: Tensor, lengths: Tensor) -> Tensor:
    """Return ``STATISTICS`` of every column of the real frames, (B, L * 26), those of one column side by side.

    Skewness and kurtosis are those of the standardised values; percentiles are interpolated; slope and curvature
    are per half utterance (time runs from -1 to 1) and the error is the deviation from the line; times above,
    rising steps and peaks are shares of the frames; a peak's height is its mean above the mean of all; the change is
    the mean absolute step; the times of the extremes are mean times, from 0 to 1, in the outer tenths of the range.

    Args:
        frames: float64 (B, T, L).
        lengths: real frames of each utterance (B,); of none, all statistics are zero.
    """
    valid = real(lengths, frames.shape[1]).unsqueeze(-1)  # (B, T, 1)
    x = torch.where(valid, (frames / GRAIN).round() * GRAIN, 0.0)
    count = lengths.clamp_min(1).to(x.dtype)[:, None]  # (B, 1)
    mean = x.sum(dim=1) / count
    centred = torch.where(valid, x - mean[:, None], 0.0)
    std = (centred.square().sum(dim=1) / count).sqrt()
    z = centred / (std[:, None] + TINY)
    squared = z.square()
    percentiles = _percentiles(x, valid, lengths)
    columns = [
        *(mean, std, (squared * z).sum(dim=1) / count, squared.square().sum(dim=1) / count),
        *percentiles,
        *_curve(centred, valid, std, count),
        *_times_above(x, valid, count, percentiles[0], percentiles[-1]),
        *_steps_and_peaks(x, valid, count, mean),
        *(_autocorrelation(z, lag) / count for lag in LAGS),
        *_places(x, valid, percentiles[0], percentiles[-1]),
    ]
    statistics: Tensor = torch.stack(columns, dim=-1).flatten(1)
    return torch.where(lengths[:, None] > 0, statistics, 0.0)


def contour_names(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the statistics of these columns in their order, such as ``f0_slope``."""
    return tuple(f"{column}_{statistic}" for column in columns for statistic in STATISTICS)


def _percentiles(x: Tensor, valid: Tensor, lengths: Tensor) -> list[Tensor]:
    """Return ``PERCENTILES``, each (B, L), interpolated linearly between the frames next to it."""
    ordered = ascending(torch.where(valid, x, torch.inf), dim=1)
    last = (lengths - 1).clamp_min(0)
    found = []
    for share in PERCENTILES:
        place = share * last.to(x.dtype)
        below = place.floor()
        upper = torch.minimum(below.long() + 1, last)
        low, high = (_row(ordered, index) for index in (below.long(), upper))
        low, high = (torch.where(torch.isinf(value), 0.0, value) for value in (low, high))  # no frames at all
        found.append(low + (high - low) * (place - below)[:, None])
    return found


def _row(frames: Tensor, index: Tensor) -> Tensor:
    """Return frame ``index`` (B,) of each utterance of (B, T, L)."""
    return frames.gather(1, index[:, None, None].expand(-1, 1, frames.shape[2])).squeeze(1)


def _curve(centred: Tensor, valid: Tensor, std: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return slope and error of the line, and the coefficient of the square, by least squares."""
    steps = torch.arange(centred.shape[1], dtype=centred.dtype, device=centred.device)
    time = 2.0 * steps / (count - 1).clamp_min(1) - 1.0  # (B, T): -1 to 1
    time = torch.where(valid.squeeze(-1), time, 0.0)
    squares = time.square()
    power = squares.sum(dim=1, keepdim=True)
    slope = _weighted(centred, time) / power.clamp_min(TINY)
    error = (std.square() - slope.square() * power / count).clamp_min(0.0).sqrt()
    bowl = torch.where(valid.squeeze(-1), squares - power / count, 0.0)
    curvature = _weighted(centred, bowl) / bowl.square().sum(dim=1, keepdim=True).clamp_min(TINY)
    return slope, error, curvature


def _weighted(frames: Tensor, weights: Tensor) -> Tensor:
    """Return the sum over time of frames (B, T, L) times weights (B, T), (B, L)."""
    return (weights.unsqueeze(1) @ frames).squeeze(1)


def _times_above(x: Tensor, valid: Tensor, count: Tensor, low: Tensor, high: Tensor) -> list[Tensor]:
    """Return the shares of frames above each of ``LEVELS`` between ``low`` and ``high`` (B, L)."""
    thresholds = (low + level * (high - low) + NOISE for level in LEVELS)
    return [((x > threshold[:, None]) & valid).sum(dim=1) / count for threshold in thresholds]


def _steps_and_peaks(x: Tensor, valid: Tensor, count: Tensor, mean: Tensor) -> tuple[Tensor, ...]:
    """Return the share of rising steps, peaks a frame, their mean height, and the mean absolute step."""
    inside = valid[:, 1:]
    step = torch.where(inside, x[:, 1:] - x[:, :-1], 0.0)
    steps = (count - 1).clamp_min(1)
    rises = step > NOISE
    peak = (rises[:, :-1] & (step[:, 1:] <= NOISE) & inside[:, 1:]).to(
        x.dtype
    )  # the first frame of a plateau
    peaks = peak.sum(dim=1)
    height = (peak * (x[:, 1:-1] - mean[:, None])).sum(dim=1) / peaks.clamp_min(1)
    return rises.sum(dim=1) / steps, peaks / count, height, step.abs().sum(dim=1) / steps


def _autocorrelation(z: Tensor, lag: int) -> Tensor:
    """Return the sum over time of z times itself ``lag`` frames later; ``z`` is zero on padding."""
    later = torch.nn.functional.pad(z[:, lag:], (0, 0, 0, lag))[:, : z.shape[1]]
    return (z * later).sum(dim=1)


def _places(x: Tensor, valid: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return when a contour is in the top and in the bottom tenth of its range: mean times from 0 to 1, each (B, L)."""
    margin = 0.1 * (high - low) + NOISE
    top = (x > (high - margin)[:, None]) & valid
    bottom = (x < (low + margin)[:, None]) & valid
    steps = torch.arange(x.shape[1], dtype=x.dtype, device=x.device)
    last = (valid.sum(dim=1) - 1).clamp_min(1)
    top_time, bottom_time = ((steps @ hit.to(x.dtype)) / hit.sum(dim=1) / last for hit in (top, bottom))
    return top_time, bottom_time
