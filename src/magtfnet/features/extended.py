"""Rich descriptors and functionals: 45 descriptors a frame; of one utterance 26 statistics of 121 contours, and rhythm.

The paper's six descriptors say little of the voice. Here are log-Mel bands, cepstrum, spectral shape, intensity
and voicing over all frames, and over the voiced frames once more with pitch and voice quality: what eGeMAPS and
ComParE describe, from its definitions. docs/accuracy.md says what each group is worth.
"""

import math

import torch
from torch import Tensor, nn

from magtfnet.config import LogMelConfig, StftConfig
from magtfnet.features.contour import STATISTICS, contour_names, contour_statistics
from magtfnet.features.frames import real, real_samples
from magtfnet.features.spectral_shape import SPECTRAL_SHAPE, spectral_shape
from magtfnet.features.voice import VOICE, VOICING, Voice

NUM_CEPSTRA = 14
"""Cepstral coefficients from the first on; the one before it is the level."""
INTENSITY = ("log_rms", "zero_crossing_rate", "loudness")
FAMILIES = (
    "log-Mel bands",
    "cepstrum",
    "spectral shape",
    "intensity",
    "voicing",
    "pitch",
    "voice quality",
    "rhythm",
)
"""What the functionals tell of, for explanations: a few players, where 3,149 would be none."""
RHYTHM = ("voiced_share", "voiced_stretches_a_second", "voiced_stretch_length")
LOUDNESS_POWER = 0.33
"""Stevens's law: loudness grows with this power of intensity."""


class ExtendedFunctionals(nn.Module):
    """Descriptors and functionals of a batch of utterances, from what the front end has computed.

    Args:
        log_mel: bands.
        stft: hop.
        sample_rate: in Hz.
    """

    cepstrum: Tensor
    frequencies: Tensor

    def __init__(self, log_mel: LogMelConfig, stft: StftConfig, sample_rate: int) -> None:
        super().__init__()
        self.seconds_a_frame = stft.hop_length / sample_rate
        self.voice = Voice(sample_rate, stft.hop_length)
        cepstra = min(NUM_CEPSTRA, log_mel.n_mels - 1)
        self.register_buffer("cepstrum", _cosines(log_mel.n_mels, cepstra), persistent=False)
        frequencies = torch.linspace(0, sample_rate / 2, stft.n_fft // 2 + 1, dtype=torch.float64)
        self.register_buffer("frequencies", frequencies, persistent=False)
        bands = tuple(f"log_mel_{band}" for band in range(log_mel.n_mels))
        twice = (*(f"mfcc_{k}" for k in range(1, cepstra + 1)), *SPECTRAL_SHAPE, *INTENSITY)
        self.descriptors = (*twice, *VOICING, *VOICE)
        voiced = tuple(f"voiced_{name}" for name in (*twice, *VOICE))
        self.names = (*contour_names((*bands, *twice, *VOICING)), *contour_names(voiced), *RHYTHM)
        self.family_of_descriptor, self.family_of = _families(log_mel.n_mels, cepstra)

    def forward(
        self,
        waveforms: Tensor,
        lengths: Tensor,
        power: Tensor,
        log_mel: Tensor,
        levels: Tensor,
        frames: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return descriptors (B, T, len(descriptors)), zero beyond the real frames, and functionals (B, len(names)).

        Both are float32. What pitch and voice quality are where nothing is voiced is said by ``voiced`` beside them.

        Args:
            waveforms: (B, S).
            lengths: real samples of each (B,).
            power: power spectrum (B, T, F).
            log_mel: (B, T, M).
            levels: RMS and zero-crossing rate (B, T, 2).
            frames: real frames of each utterance (B,).
        """
        bands, rms, crossing = log_mel.double(), levels[..., 0].double(), levels[..., 1].double()
        loudness = (LOUDNESS_POWER * bands).exp().sum(dim=-1).clamp_min(1e-6).log()
        intensity = torch.stack(((rms + 1e-6).log(), crossing, loudness), dim=-1)
        voice, voicing = self.voice(real_samples(waveforms.double(), lengths), lengths, rms)
        twice = torch.cat((bands @ self.cepstrum, spectral_shape(power, self.frequencies), intensity), dim=-1)
        voiced = voicing[..., 1] > 0.5
        everywhere = contour_statistics(torch.cat((bands, twice, voicing), dim=-1), frames)
        together = _moved_together(torch.cat((twice, voice), dim=-1), voiced)
        where_voiced = contour_statistics(together, voiced.sum(dim=1))
        vector = torch.cat((everywhere, where_voiced, self._rhythm(voiced, frames)), dim=-1)
        descriptors = torch.cat((twice, voicing, voice), dim=-1)
        valid = real(frames, descriptors.shape[1]).unsqueeze(-1)
        return torch.where(valid, descriptors, 0.0).float(), vector.float()

    def _rhythm(self, voiced: Tensor, frames: Tensor) -> Tensor:
        """Return ``RHYTHM`` (B, 3): a share, stretches a second, and their mean length in seconds."""
        spoken = voiced.sum(dim=1).double()
        starts = (voiced[:, 1:] & ~voiced[:, :-1]).sum(dim=1) + voiced[:, 0]
        seconds = frames * self.seconds_a_frame
        length = spoken * self.seconds_a_frame / starts.clamp_min(1)
        return torch.stack((spoken / frames, starts / seconds, length), dim=-1)


def _families(bands: int, cepstra: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return for each descriptor, and for each functional, the index of its family in ``FAMILIES``."""
    twice = [1] * cepstra + [2] * len(SPECTRAL_SHAPE) + [3] * len(INTENSITY)
    voice = [5 if name == "f0" else 6 for name in VOICE]
    descriptors = (*twice, *[4] * len(VOICING), *voice)
    columns = [0] * bands + twice + [4] * len(VOICING) + twice + voice
    return descriptors, (*(family for family in columns for _ in STATISTICS), *[7] * len(RHYTHM))


def _cosines(bands: int, cepstra: int) -> Tensor:
    """Return (bands, cepstra): the cosine transform (DCT-II, orthonormal) from the first coefficient on."""
    numbers = torch.arange(1, cepstra + 1, dtype=torch.float64)
    places = torch.arange(bands, dtype=torch.float64).unsqueeze(1) + 0.5
    cosines: Tensor = torch.cos(torch.pi * places * numbers / bands) * math.sqrt(2.0 / bands)
    return cosines


def _moved_together(frames: Tensor, wanted: Tensor) -> Tensor:
    """Return frames (B, T, L) with the ``wanted`` (B, T) in front, in their order, and zeros behind them."""
    steps = torch.arange(wanted.shape[1], device=wanted.device)
    order = torch.where(wanted, steps, steps + wanted.shape[1]).sort(dim=1).indices
    gathered = frames.gather(1, order.unsqueeze(-1).expand(-1, -1, frames.shape[2]))
    return torch.where(real(wanted.sum(dim=1), wanted.shape[1]).unsqueeze(-1), gathered, 0.0)
