"""Log-Mel spectrogram: the natural logarithm of the power in Slaney's mel bands (paper, section 3.2).

Equal to ``librosa.feature.melspectrogram`` with its defaults and zero padding, then ``log(max(power,
floor))``.
"""

import numpy as np
import torch
from torch import Tensor, nn

from magtfnet.config import LogMelConfig, StftConfig
from magtfnet.errors import ConfigError
from magtfnet.features.frames import PowerSpectrum, num_frames, real

# Slaney's Auditory Toolbox (1998): linear below 1 kHz, 15 mel there, then 27 steps to a factor of 6.4.
HZ_PER_MEL = 200.0 / 3
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27


class LogMel(nn.Module):
    """Log-Mel frames of a batch of waveforms.

    Args:
        config: bands and floor.
        stft: transform, window and hop.
        sample_rate: of the waveforms, in Hz.

    Raises:
        ConfigError: the highest band lies beyond half the sample rate, or a band holds no bin.
    """

    filters: Tensor

    def __init__(
        self,
        config: LogMelConfig = LogMelConfig(),
        stft: StftConfig = StftConfig(),
        sample_rate: int = 16_000,
    ) -> None:
        super().__init__()
        if not config.f_min < config.f_max <= sample_rate / 2:
            raise ConfigError(
                f"mel bands from {config.f_min:g} to {config.f_max:g} Hz at {sample_rate} Hz; "
                f"set features.log_mel.f_max above f_min and to {sample_rate / 2:g} at most"
            )
        self.config = config
        self.hop_length = stft.hop_length
        self.spectrum = PowerSpectrum(stft)
        filters = mel_filters(sample_rate, stft.n_fft, config.n_mels, config.f_min, config.f_max)
        empty = int((filters.sum(axis=0) == 0).sum())
        if empty:
            raise ConfigError(
                f"{empty} of {config.n_mels} mel bands hold no bin of the transform; "
                "lower features.log_mel.n_mels, or raise features.stft.n_fft"
            )
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)  # (F, M)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map waveforms (B, S), the first ``lengths`` (B,) samples real, to float32 frames (B, T, M) and their counts.

        Frames beyond an utterance's own 1 + S // hop are zero.
        """
        return self.from_power(self.spectrum(waveforms, lengths), lengths)

    def from_power(self, power: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, from a power spectrum (B, T, F) that is at hand."""
        frames = num_frames(lengths, self.hop_length)
        log_mel = torch.log((power @ self.filters).clamp_min(self.config.floor))
        valid = real(frames, log_mel.shape[1]).unsqueeze(-1)
        return torch.where(valid, log_mel, 0.0).float(), frames


def mel_filters(
    sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return triangles (n_fft // 2 + 1, n_mels) of unit area over Hz, as ``librosa.filters.mel`` transposed."""
    bins = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)
    edges = mel_edges(n_mels, f_min, f_max)
    below, centre, above = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - below) / (centre - below)
    falling = (above - bins[:, None]) / (above - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (above - below))


def mel_edges(n_mels: int, f_min: float, f_max: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return (n_mels + 2,) in Hz: band m rises from edge m to its peak at edge m + 1 and falls to edge m + 2."""
    return _mel_to_hz(np.linspace(_hz_to_mel(f_min), _hz_to_mel(f_max), n_mels + 2))


def _hz_to_mel(hz: float) -> float:
    return hz / HZ_PER_MEL if hz < BREAK_HZ else BREAK_MEL + float(np.log(hz / BREAK_HZ)) / LOG_STEP


def _mel_to_hz(
    mel: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(mel < BREAK_MEL, mel * HZ_PER_MEL, BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_MEL)))
