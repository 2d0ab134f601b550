"""The voice: how high, how regular, how breathy, from the autocorrelation and the harmonics of 64 ms.

Pitch by the normalised autocorrelation of Boersma (Proc. Institute of Phonetic Sciences Amsterdam 17, 1993),
which also gives the harmonics-to-noise ratio. In place of his path through all candidates, a median of five
frames takes out octave leaps: it looks at five frames only, so that streams and exported graphs can have it.
Jitter and shimmer are those between neighbouring frames, not between single cycles.
"""

import math

import torch
from torch import Tensor, nn

from magtfnet.features.exportable import (
    Framing,
    Tables,
    even_of_tables,
    even_tables,
    frames_of_turn,
    framing,
    power_of_tables,
    power_tables,
)
from magtfnet.features.frames import (
    centred_frames,
    in_pieces,
    num_frames,
    padded_around,
    power_of,
    real,
)

LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0
OCTAVE_COST = 0.025
"""Taken off an autocorrelation for each octave below the highest pitch: of equals the shortest period wins."""
PERIODIC = 0.5
"""The least normalised autocorrelation of a voiced frame."""
AUDIBLE = 0.02
"""The least RMS of a voiced frame, as a share of the utterance's loudest."""
WINDOW_S = 0.064
"""Nearly four periods of the lowest voice."""
FACTORS = 2 * 3 * 5
"""A number without other prime factors divides a power of this."""
FORMANT_BAND = (2200.0, 3500.0)
"""In Hz: where the third formant lies."""
SEMITONES_ABOVE = 55.0
"""In Hz: A1."""
Search = tuple[Tensor, Tensor, int, int, int]
"""How a period and the tilts at it are looked for.

    own: the window's share of an autocorrelation, from lag 0 on.
    octave_cost: of each lag from ``first`` on, but for the last.
    first: the shortest period that is looked for.
    low: the third formant's lowest bin.
    high: the bin behind its highest.
"""

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
        own = torch.fft.irfft(
            power_of(nn.functional.pad(window, (0, self.padded - self.size))), n=self.padded
        )
        own = own[: self.last + 2] / own[0]  # the window's share of an autocorrelation
        self.register_buffer("own", own, persistent=False)
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
        if torch.onnx.is_in_onnx_export():
            heard = self._heard_by_products(samples)
        else:
            cut = centred_frames(samples, self.size, self.hop_length)
            heard = torch.cat([self._heard(piece) for piece in in_pieces(cut)], dim=1)
        period, periodicity, *tilt = heard.unbind(dim=-1)
        loudest = torch.where(valid, rms, 0.0).amax(dim=1, keepdim=True)
        voiced = (periodicity > PERIODIC) & (rms > AUDIBLE * loudest) & valid
        f0 = _without_leaps(12 * torch.log2(self.sample_rate / (period * SEMITONES_ABOVE)), frames)
        noise = 10 * torch.log10(periodicity.clamp_min(0.01) / (1 - periodicity))
        jitter = (_step(period).abs() / period).clamp(max=0.2)
        shimmer = _step((rms + 1e-6).log()).abs()
        voice = torch.stack((f0, jitter, shimmer, noise, *tilt), dim=-1)
        return voice, torch.stack((periodicity, voiced.to(voice.dtype)), dim=-1)

    def _heard(self, frames: Tensor) -> Tensor:
        """Return period, periodicity and three tilts of frames (B, T, size), (B, T, 5)."""
        power = power_of(_prepared(frames, self.window, self.padded))
        autocorrelation = torch.fft.irfft(power, n=self.padded)[..., : self.last + 2]
        return _told(power, autocorrelation, self._search())

    def _heard_by_products(self, samples: Tensor) -> Tensor:
        """As ``_heard``, of the frames of samples (B, S)."""
        heard: Tensor = _scripted(
            framing(padded_around(samples, self.size), self.size, self.hop_length),
            self.window,
            self.padded,
            power_tables(self.padded),
            even_tables(self.padded, self.last + 2),
            self._search(),
        )
        return heard

    def _search(self) -> Search:
        step = self.sample_rate / self.padded  # Hz a bin
        low, high = (min(int(hertz / step), self.padded // 2) for hertz in FORMANT_BAND)
        return self.own, self.octave_cost, self.first, low, max(high, low + 1)


def _in_turns(
    framed: Framing, window: Tensor, padded: int, there: Tables, back: Tables, search: Search
) -> Tensor:
    heard = []
    for turn in range(int(framed[3])):
        power = power_of_tables(_prepared(frames_of_turn(framed, turn), window, padded), there)
        even = torch.cat((power, power[..., 1:-1].flip(-1)), dim=-1)  # its transform back is its transform
        heard.append(_told(power, even_of_tables(even, back) / padded, search))
    return torch.cat(heard, dim=1)


_scripted = torch.jit.script_if_tracing(_in_turns)  # type: ignore[no-untyped-call]


def _prepared(frames: Tensor, window: Tensor, padded: int) -> Tensor:
    """Return frames (B, T, size) without their mean, under the window, with zeros behind them; scriptable."""
    centred = (frames - frames.mean(dim=-1, keepdim=True)) * window
    return nn.functional.pad(centred, (0, padded - window.shape[0]))


def _told(power: Tensor, autocorrelation: Tensor, search: Search) -> Tensor:
    """Return the period in samples, the normalised autocorrelation there and three tilts, (B, T, 5); scriptable.

    Power is (B, T, bins), the autocorrelation (B, T, lags) from lag 0 on.
    """
    own, octave_cost, first, low, high = search
    period, periodicity = _period(
        autocorrelation / (autocorrelation[..., :1] + 1e-6) / own, octave_cost, first
    )
    fundamental = 2.0 * (power.shape[-1] - 1) / period
    levels = (
        _highest_near(power, fundamental),
        _highest_near(power, 2.0 * fundamental),
        _highest_near(power, 4.0 * fundamental),
        power[..., low:high].amax(dim=-1),
    )
    logs = (torch.stack(levels, dim=-1) + 1e-9).log()
    tilts = logs[..., :1] - logs[..., 1:]
    return torch.cat((torch.stack((period, periodicity), dim=-1), tilts), dim=-1)


def _period(normal: Tensor, octave_cost: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return the period in samples and the normalised autocorrelation there, below 1, each (B, T); scriptable."""
    here = normal[..., first:-1]
    before, after = normal[..., first - 1 : -2], normal[..., first + 1 :]
    merit = torch.where((here >= before) & (here >= after), here - octave_cost, -1.0)
    highest, best = merit.max(dim=-1, keepdim=True)
    left = before.gather(-1, best).select(-1, 0)
    middle = here.gather(-1, best).select(-1, 0)
    right = after.gather(-1, best).select(-1, 0)
    bend = left - 2 * middle + right  # of the parabola through the three
    bent = bend.abs() > 1e-9
    shift = torch.where(bent, 0.5 * (left - right) / torch.where(bent, bend, 1.0), 0.0).clamp(-0.5, 0.5)
    height = middle - 0.25 * (left - right) * shift
    # without a maximum in the range there is no candidate: of a hum below it, the shortest lag is the highest
    height = torch.where(highest.select(-1, 0) > -1.0, height, 0.0)
    return best.select(-1, 0) + first + shift, height.clamp(0.0, 0.9999)


def _smooth(least: int) -> int:
    """Return the least even size from ``least`` on without a prime factor above 5: fast to transform."""
    size = least + least % 2
    while FACTORS ** math.ceil(math.log2(size)) % size:
        size += 2
    return size


def _highest_near(power: Tensor, place: Tensor) -> Tensor:
    """Return the highest of the three bins around ``place`` (B, T); scriptable."""
    around = torch.arange(-1, 2, device=power.device)
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
