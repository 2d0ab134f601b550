"""Low-level descriptors of each frame, by the definitions of ``librosa.feature`` (paper, section 3.1).

RMS energy, zero-crossing rate, spectral centroid, bandwidth and roll-off in Hz, and spectral contrast in dB:
12 values a frame. librosa's contrast starts at 200 Hz, which passes 8 kHz in its last band and raises at 16
kHz; here it starts at 100 Hz.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from magtfnet.config import LldConfig, StftConfig
from magtfnet.errors import ConfigError
from magtfnet.features.frames import PowerSpectrum, ascending, frame_sums, num_frames, real, real_samples

ZERO = 1e-10
"""Samples this near to zero have its sign (librosa.zero_crossings); also the least amplitude of the contrast."""
TOP_DB = 80.0
"""Contrast: peaks and valleys lie at most this far below the utterance's highest (librosa.power_to_db)."""


def descriptor_names(config: LldConfig) -> tuple[str, ...]:
    """Return the names of the descriptors in their order."""
    contrasts = tuple(f"spectral_contrast_{band}" for band in range(config.contrast_bands + 1))
    names = ("rms", "zero_crossing_rate", "spectral_centroid", "spectral_bandwidth", "spectral_rolloff")
    return names + contrasts


def descriptor_unit(name: str) -> str:
    """Return the unit of a descriptor: Hz, dB, or none for amplitude and share."""
    if name.startswith("spectral_contrast"):
        return "dB"
    return "Hz" if name.startswith("spectral_") else ""


class LowLevelDescriptors(nn.Module):
    """Descriptors of a batch of waveforms, at the frame rate of the log-Mel spectrogram.

    Args:
        config: frame length of RMS and zero-crossing rate, roll-off share, contrast bands.
        stft: transform, window and hop of the spectral ones.
        sample_rate: of the waveforms, in Hz.

    Raises:
        ConfigError: a contrast band begins beyond half the sample rate.
    """

    frequencies: Tensor
    powers: Tensor

    def __init__(
        self, config: LldConfig = LldConfig(), stft: StftConfig = StftConfig(), sample_rate: int = 16_000
    ) -> None:
        super().__init__()
        self.config = config
        self.hop_length = stft.hop_length
        self.names = descriptor_names(config)
        self.spectrum = PowerSpectrum(stft)
        frequencies = torch.linspace(0, sample_rate / 2, stft.n_fft // 2 + 1, dtype=torch.float64)
        self.register_buffer("frequencies", frequencies, persistent=False)  # (F,)
        powers = torch.stack((torch.ones_like(frequencies), frequencies, frequencies.square()), dim=-1)
        self.register_buffer("powers", powers, persistent=False)  # (F, 3)
        self.bands = contrast_bands(config, frequencies)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map waveforms (B, S), the first ``lengths`` (B,) samples real, to float32 frames (B, T, L) and their counts.

        Frames beyond an utterance's own 1 + S // hop are zero.
        """
        return self.from_power(waveforms, self.spectrum(waveforms, lengths), lengths)

    def from_power(self, waveforms: Tensor, power: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, from a power spectrum (B, T, F) that is at hand."""
        frames = num_frames(lengths, self.hop_length)
        valid = real(frames, power.shape[1])  # (B, T)
        magnitude = power.sqrt()
        samples = real_samples(waveforms.to(power.dtype), lengths)
        spectral = torch.stack(self._moments_and_rolloff(magnitude), dim=-1)
        columns = (*self._levels(samples, lengths), spectral, self._contrast(magnitude, valid))
        lld = torch.cat(columns, dim=-1)  # (B, T, L)
        return torch.where(valid.unsqueeze(-1), lld, 0.0).float(), frames

    def levels(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the first two descriptors alone, RMS and zero-crossing rate, float32 (B, T, 2)."""
        samples = real_samples(waveforms.to(self.frequencies.dtype), lengths)
        levels = torch.cat(self._levels(samples, lengths), dim=-1)
        valid = real(num_frames(lengths, self.hop_length), levels.shape[1])
        return torch.where(valid.unsqueeze(-1), levels, 0.0).float()

    def _levels(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self._rms(samples), self._zero_crossing_rate(samples, lengths)

    def _rms(self, samples: Tensor) -> Tensor:
        sums = frame_sums(samples.square(), self.config.frame_length, self.hop_length)
        return (sums / self.config.frame_length).sqrt().unsqueeze(-1)

    def _zero_crossing_rate(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """Share of neighbours of unlike sign; beyond its ends an utterance keeps its first and its last sample."""
        negative = (samples < -ZERO).to(samples.dtype)
        crossing = (negative[:, 1:] - negative[:, :-1]).abs()  # between samples s and s + 1
        inside = real(lengths - 1, crossing.shape[1])  # the step from the last sample to the padding is none
        crossing = nn.functional.pad(crossing * inside, (1, 0))  # at s: between s - 1 and s
        sums = frame_sums(crossing, self.config.frame_length, self.hop_length)
        # Frame t spans [t * hop - half, ... + frame_length); its first sample has no neighbour in the frame.
        firsts = nn.functional.pad(crossing, (self.config.frame_length // 2, 0))[:, :: self.hop_length]
        return ((sums - firsts[:, : sums.shape[1]]) / self.config.frame_length).unsqueeze(-1)

    def _moments_and_rolloff(self, magnitude: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Centroid, bandwidth and roll-off in Hz of (B, T, F), each (B, T); all zero where there is silence."""
        total, first, second = (magnitude @ self.powers).unbind(dim=-1)
        total = torch.where(total > torch.finfo(torch.float32).tiny, total, 1.0)
        centroid = first / total
        # E[(f - c)^2] = E[f^2] - c^2, c being the mean; in float64 what cancels leaves under 1e-3 Hz, for a pure tone
        bandwidth = (second / total - centroid.square()).clamp_min(0.0).sqrt()
        cumulative = magnitude.cumsum(dim=-1)
        threshold = self.config.roll_percent * cumulative[..., -1:]
        if torch.onnx.is_in_onnx_export():  # ONNX knows no search; counting the bins below is the same
            return centroid, bandwidth, self.frequencies[(cumulative < threshold).sum(dim=-1)]
        reached = torch.searchsorted(cumulative, threshold).squeeze(-1)  # the first bin at or above it
        return centroid, bandwidth, self.frequencies[reached]

    def _contrast(self, magnitude: Tensor, valid: Tensor) -> Tensor:
        """Peak minus valley in dB of each octave band, (B, T, bands + 1) (Jiang et al., ICME 2002)."""
        peaks, valleys = [], []
        for first, last, count in self.bands:
            valley, peak = _means_of_extremes(magnitude[..., first:last], count)
            valleys.append(valley)
            peaks.append(peak)
        return _decibels(torch.stack(peaks, -1), valid) - _decibels(torch.stack(valleys, -1), valid)


def contrast_bands(config: LldConfig, frequencies: Tensor) -> list[tuple[int, int, int]]:
    """Return for each band its first bin, the bin after its last, and how many bins make its peak and its valley.

    librosa's bands: each but the first takes one bin more below, each but the last leaves its top bin away,
    and the last reaches up to half the sample rate.
    """
    edges = [0.0] + [config.contrast_f_min * 2.0**octave for octave in range(config.contrast_bands + 1)]
    nyquist = float(frequencies[-1])
    if edges[-2] >= nyquist:
        raise ConfigError(
            f"contrast band from {edges[-2]:g} Hz begins beyond {nyquist:g} Hz; "
            "set features.lld.contrast_f_min or contrast_bands lower"
        )
    bands = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = torch.nonzero((frequencies >= low) & (frequencies <= high)).flatten().tolist()
        if not inside:
            raise ConfigError(
                f"no bin between {low:g} and {high:g} Hz; set features.lld.contrast_f_min higher"
            )
        first = inside[0] - (k > 0)
        last = len(frequencies) if k == config.contrast_bands else inside[-1] + 1
        count = max(1, round(config.contrast_quantile * (last - first)))
        end = last if k == config.contrast_bands else max(last - 1, first + 1)
        bands.append((first, end, min(count, end - first)))
    return bands


def _means_of_extremes(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the means of the ``count`` lowest and of the ``count`` highest of the last dimension."""
    if count == 1:
        return values.amin(dim=-1), values.amax(dim=-1)
    if torch.onnx.is_in_onnx_export():  # where a sort is slower than looking for a few
        lowest, highest = ((sign * values).topk(count, dim=-1).values for sign in (-1, 1))
        return -lowest.mean(dim=-1), highest.mean(dim=-1)
    rising = ascending(values, dim=-1)
    return rising[..., :count].mean(dim=-1), rising[..., -count:].mean(dim=-1)


def _decibels(amplitude: Tensor, valid: Tensor) -> Tensor:
    """10 log10 of (B, T, bands), at least ``ZERO``, at most ``TOP_DB`` below the utterance's highest real value."""
    level = 10.0 * torch.log10(amplitude.clamp_min(ZERO))
    highest = torch.where(valid.unsqueeze(-1), level, -torch.inf).amax(dim=(1, 2), keepdim=True)
    return torch.maximum(level, highest - TOP_DB)
