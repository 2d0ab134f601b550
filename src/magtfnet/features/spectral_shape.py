"""The shape of a frame's spectrum in 19 numbers that do not change with its level (but for the flux's floor).

Moments, entropy, roll-offs and flux as ComParE has them (Weninger et al., 2013); slopes, alpha ratio and
Hammarberg index as eGeMAPS does (Eyben et al., 2016); from the power spectrum, by their definitions.
"""

import torch
from torch import Tensor

ROLL_OFFS = (0.25, 0.5, 0.75, 0.9)
FLOOR = 1e-9
"""Added to powers: of a frame quieter than this nothing is said."""
SLOPES = ((0.0, 500.0), (500.0, 1500.0), (0.0, 8000.0))
"""In Hz."""

SPECTRAL_SHAPE = (
    *("centroid", "spread", "spectral_skewness", "spectral_kurtosis", "spectral_entropy"),
    *(f"rolloff_{100 * share:.0f}" for share in ROLL_OFFS),
    *("share_250_650", "share_1000_4000"),
    *(f"slope_{low:.0f}_{high:.0f}" for low, high in SLOPES),
    *("alpha_ratio", "hammarberg_index", "flux", "sharpness", "flatness"),
)


def spectral_shape(power: Tensor, frequencies: Tensor) -> Tensor:
    """Return ``SPECTRAL_SHAPE`` of each frame, (B, T, 19).

    Centroid, spread and roll-offs are in Hz, slopes in nepers of power a kHz, shares, ratios and index in nepers of
    power, entropy in nats, sharpness in Bark (Zwicker's weighting); the flux is the distance of neighbouring
    magnitude spectra of unit sum, the first frame's zero.

    Args:
        power: (B, T, F).
        frequencies: (F,) in Hz.
    """
    total = power.sum(dim=-1, keepdim=True) + FLOOR
    share = power / total
    log_power, log_total = (power + FLOOR).log(), total.squeeze(-1).log()
    return torch.stack(
        (
            *_moments(share, frequencies),
            -(share * (log_power - log_total.unsqueeze(-1))).sum(dim=-1),
            *_roll_offs(share, frequencies),
            *(_level(power, frequencies, *band) - log_total for band in ((250.0, 650.0), (1000.0, 4000.0))),
            *(_slope(log_power, frequencies, *band) for band in SLOPES),
            _level(power, frequencies, 50.0, 1000.0) - _level(power, frequencies, 1000.0, 5000.0),
            _peak(log_power, frequencies, 0.0, 2000.0) - _peak(log_power, frequencies, 2000.0, 5000.0),
            _flux(power.sqrt()),
            share @ _sharpness(frequencies),
            log_power.mean(dim=-1) - log_total,
        ),
        dim=-1,
    )


def _moments(share: Tensor, frequencies: Tensor) -> tuple[Tensor, ...]:
    """Return centroid, spread, skewness and kurtosis of power as a distribution over frequency."""
    centroid = share @ frequencies
    distance = frequencies - centroid.unsqueeze(-1)
    squared = distance.square()
    second, third, fourth = (
        (share * power).sum(dim=-1) for power in (squared, squared * distance, squared.square())
    )
    spread = second.sqrt()
    unit = spread + 1.0  # one Hz: a pure tone is not divided by nothing
    return centroid, spread, third / (unit.square() * unit), fourth / unit.square().square()


def _roll_offs(share: Tensor, frequencies: Tensor) -> list[Tensor]:
    """Return the frequencies below which a share of the power lies."""
    cumulative = share.cumsum(dim=-1)
    last = len(frequencies) - 1
    below = [(cumulative < part).sum(dim=-1).clamp(max=last) for part in ROLL_OFFS]
    return [frequencies[index] for index in below]


def _inside(frequencies: Tensor, low: float, high: float) -> tuple[int, int]:
    """Return the first bin at or above ``low`` Hz and the bin after the last below ``high`` Hz.

    Where the rate is too low to reach ``low`` Hz, the highest bin stands for the band.
    """
    first, last = (int(torch.searchsorted(frequencies, edge)) for edge in (low, high))
    first = min(first, len(frequencies) - 1)
    return first, max(last, first + 1)


def _level(power: Tensor, frequencies: Tensor, low: float, high: float) -> Tensor:
    first, last = _inside(frequencies, low, high)
    return (power[..., first:last].sum(dim=-1) + FLOOR).log()


def _peak(log_power: Tensor, frequencies: Tensor, low: float, high: float) -> Tensor:
    first, last = _inside(frequencies, low, high)
    return log_power[..., first:last].amax(dim=-1)


def _slope(log_power: Tensor, frequencies: Tensor, low: float, high: float) -> Tensor:
    first, last = _inside(frequencies, low, high)
    kilohertz = frequencies[first:last] / 1000
    centred = kilohertz - kilohertz.mean()
    return log_power[..., first:last] @ centred / centred.square().sum().clamp_min(FLOOR)


def _flux(magnitude: Tensor) -> Tensor:
    shape = magnitude / (magnitude.sum(dim=-1, keepdim=True) + FLOOR)
    step = (shape[:, 1:] - shape[:, :-1]).square().sum(dim=-1).sqrt()
    return torch.nn.functional.pad(step, (1, 0))


def _sharpness(frequencies: Tensor) -> Tensor:
    """Return each bin's weight: its place in Bark, more above 16 Bark (Zwicker and Fastl, 1990)."""
    bark = 6.0 * torch.asinh(frequencies / 600.0)
    return bark * torch.where(bark < 16.0, 1.0, 0.066 * torch.exp(0.171 * bark))
