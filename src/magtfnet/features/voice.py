"""The voice: how high, how regular, how breathy, from the autocorrelation and the harmonics of 64 ms.

Pitch by the normalised autocorrelation of Boersma (Proc. Institute of Phonetic Sciences Amsterdam 17, 1993),
which also gives the harmonics-to-noise ratio. In place of his path through all candidates, a median of five
frames takes out octave leaps: it looks at five frames only, so that streams and exported graphs can have it.
Jitter and shimmer are those between neighbouring frames, not between single cycles.
"""

import math

import torch
from torch import Tensor, nn

from magtfnet.features.exportable import even_dft_by_products
from magtfnet.features.frames import centred_frames, in_pieces, num_frames, power_of, real

LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0
OCTAVE_COST = 0.025
"""Taken off an autocorrelation for each octave below the highest pitch: of equals the shortest period wins."""
PERIODIC = 0.5
"""The least normalised autocorrelation of a voiced frame."""
AUDIBLE = 0.02
"""The least RMS of a voiced frame, as a share of the utterance's loudest."""
WINDOW_S = 0.064
"""Nearly four periods of the lowest voice."""
HARMONICS = (1, 2, 4)
BINS_AROUND = 1
"""A harmonic's power is the highest within so many bins of its place."""
FACTORS = 2 * 3 * 5
"""A number without other prime factors divides a power of this."""
FORMANT_BAND = (2200.0, 3500.0)
"""In Hz: where the third formant lies."""
FLOOR = 1e-9
SEMITONES_ABOVE = 55.0
"""In Hz: A1."""

VOICE = ("f0", "jitter", "shimmer", "harmonics_to_noise", "h1_h2", "h1_h4", "h1_a3")
VOICING = ("periodicity", "voiced")


class Voice(nn.Module):
    """Pitch and voice quality of a batch of waveforms.

    Args:
        sample_rate: in Hz.
        hop_length: in samples.
    """

    window: Tensor
    own: Tensor
    octave_cost: Tensor

    def __init__(self, sample_rate: int, hop_length: int) -> None:
        super().__init__()
        self.sample_rate, self.hop_length = sample_rate, hop_length
        self.size = 2 ** round(math.log2(WINDOW_S * sample_rate))
        window = torch.hann_window(self.size, periodic=True, dtype=torch.float64)
        self.register_buffer("window", window, persistent=False)
        self.first, self.last = int(sample_rate / HIGHEST_HZ), int(sample_rate / LOWEST_HZ)
        self.padded = _smooth(self.size + self.last + 2)  # so long that no lag wraps around
        own = _autocorrelation(power_of(self._padded(window)), self.padded, self.last + 2)
        self.register_buffer("own", own / own[0], persistent=False)  # the window's share of it
        lags = torch.arange(self.first, self.last + 1, dtype=torch.float64)
        cost = OCTAVE_COST * torch.log2(lags / self.first)
        self.register_buffer("octave_cost", cost, persistent=False)

    def forward(self, samples: Tensor, lengths: Tensor, rms: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``VOICE`` (B, T, 7) and ``VOICING`` (B, T, 2) of every frame.

        The pitch ``f0`` is in semitones above 55 Hz, the harmonics-to-noise ratio in dB, the differences of harmonics
        in nepers of power; jitter is relative, shimmer in nepers of amplitude. ``voiced`` is 0 or 1; of other frames
        ``VOICE`` tells nothing.

        Args:
            samples: float64 (B, S), zero beyond ``lengths`` (B,).
            lengths: real samples.
            rms: of each frame (B, T).
        """
        frames = num_frames(lengths, self.hop_length)
        valid = real(frames, rms.shape[1])
        cut = centred_frames(samples, self.size, self.hop_length)
        heard = [self._heard(piece) for piece in in_pieces(cut)]
        period, periodicity, *tilt = (torch.cat(values, dim=1) for values in zip(*heard, strict=True))
        loudest = torch.where(valid, rms, 0.0).amax(dim=1, keepdim=True)
        voiced = (periodicity > PERIODIC) & (rms > AUDIBLE * loudest) & valid
        f0 = _without_leaps(12 * torch.log2(self.sample_rate / (period * SEMITONES_ABOVE)), frames)
        noise = 10 * torch.log10(periodicity.clamp_min(0.01) / (1 - periodicity))
        jitter = (_step(period).abs() / period).clamp(max=0.2)
        shimmer = _step((rms + 1e-6).log()).abs()
        voice = torch.stack((f0, jitter, shimmer, noise, *tilt), dim=-1)
        return voice, torch.stack((periodicity, voiced.to(voice.dtype)), dim=-1)

    def _heard(self, cut: Tensor) -> tuple[Tensor, ...]:
        """Return period, periodicity and the three of ``_tilt`` of frames (B, T, size), each (B, T)."""
        power = power_of(self._padded((cut - cut.mean(dim=-1, keepdim=True)) * self.window))
        period, periodicity = self._period(_autocorrelation(power, self.padded, self.last + 2))
        return period, periodicity, *self._tilt(power, period)

    def _padded(self, frames: Tensor) -> Tensor:
        return nn.functional.pad(frames, (0, self.padded - self.size))

    def _period(self, autocorrelation: Tensor) -> tuple[Tensor, Tensor]:
        """Return the period in samples and the normalised autocorrelation there, below 1, each (B, T)."""
        normal = autocorrelation / (autocorrelation[..., :1] + 1e-6) / self.own
        here = normal[..., self.first : -1]
        before, after = normal[..., self.first - 1 : -2], normal[..., self.first + 1 :]
        merit = here - self.octave_cost
        best = torch.where((here >= before) & (here >= after), merit, -1.0).argmax(dim=-1, keepdim=True)
        left, middle, right = (values.gather(-1, best).squeeze(-1) for values in (before, here, after))
        bend = left - 2 * middle + right  # of the parabola through the three
        bent = bend.abs() > FLOOR
        shift = torch.where(bent, 0.5 * (left - right) / torch.where(bent, bend, 1.0), 0.0).clamp(-0.5, 0.5)
        height = middle - 0.25 * (left - right) * shift
        return best.squeeze(-1) + self.first + shift, height.clamp(0.0, 0.9999)

    def _tilt(self, power: Tensor, period: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return by how much the first harmonic stands above the second, the fourth and the third formant."""
        step = self.sample_rate / self.padded  # Hz a bin
        fundamental = self.sample_rate / period / step
        first, second, fourth = (_highest_near(power, fundamental * number) for number in HARMONICS)
        low, high = (min(int(hertz / step), power.shape[-1] - 1) for hertz in FORMANT_BAND)
        formant = power[..., low : max(high, low + 1)].amax(dim=-1)
        first, second, fourth, formant = ((value + FLOOR).log() for value in (first, second, fourth, formant))
        return first - second, first - fourth, first - formant


def _smooth(least: int) -> int:
    """Return the least even size from ``least`` on without a prime factor above 5: fast to transform."""
    size = least + least % 2
    while FACTORS ** math.ceil(math.log2(size)) % size:
        size += 2
    return size


def _autocorrelation(power: Tensor, size: int, lags: int) -> Tensor:
    """Return the autocorrelation (..., lags) of frames of ``size`` samples, from their power (..., bins)."""
    if torch.onnx.is_in_onnx_export():  # the power is even, so its transform back is its transform
        even = torch.cat((power, power[..., 1:-1].flip(-1)), dim=-1)
        return even_dft_by_products(even, lags) / size
    correlation: Tensor = torch.fft.irfft(power, n=size)
    return correlation[..., :lags]


def _highest_near(power: Tensor, place: Tensor) -> Tensor:
    """Return the highest of the bins around ``place`` (B, T)."""
    around = torch.arange(-BINS_AROUND, BINS_AROUND + 1, device=power.device)
    bins = (place.round().long().unsqueeze(-1) + around).clamp(1, power.shape[-1] - 1)
    return power.gather(-1, bins).amax(dim=-1)


def _without_leaps(f0: Tensor, frames: Tensor) -> Tensor:
    """Put the median of five frames where the pitch leaps by more than half an octave from it."""
    steps = torch.arange(f0.shape[1], device=f0.device)
    last = (frames - 1).unsqueeze(-1)
    around = [f0.gather(1, torch.minimum((steps + k).clamp_min(0).expand_as(f0), last)) for k in range(-2, 3)]
    median = _median_of_five(*around)
    return torch.where((f0 - median).abs() > 6.0, median, f0)


def _median_of_five(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor) -> Tensor:
    """Return the third greatest of each; comparisons are faster than a sort, in exported graphs by far."""
    low = torch.maximum(torch.minimum(a, b), torch.minimum(c, d))
    high = torch.minimum(torch.maximum(a, b), torch.maximum(c, d))
    return torch.maximum(torch.minimum(low, high), torch.minimum(torch.maximum(low, high), e))


def _step(contour: Tensor) -> Tensor:
    """Return each frame's difference to the one before it, (B, T), the first's zero."""
    return nn.functional.pad(contour[:, 1:] - contour[:, :-1], (1, 0))
