"""Frame arithmetic: which frames are real, and the power spectrum of each.

Everything here is in float64 unless the module is cast: the tails of a tone lie 120 dB below its peak, where
float32 has no digits left.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from magtfnet.config import StftConfig
from magtfnet.features.exportable import gathered_frames, windowed_power

FRAMES_AT_ONCE = 64
"""Of all recordings of a batch together; of larger batches one frame each."""


def num_frames(num_samples: Tensor, hop_length: int) -> Tensor:
    """Return the frames of ``num_samples`` (B,) samples: 1 + S // hop, librosa's count for centred frames."""
    return 1 + torch.div(num_samples, hop_length, rounding_mode="floor")


def real(lengths: Tensor, size: int) -> Tensor:
    """Return (B, size), True on the first ``lengths`` (B,) positions."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(-1)


def real_samples(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Return waveforms (B, S) with silence beyond ``lengths`` (B,), whatever padded the batch."""
    return torch.where(real(lengths, waveforms.shape[1]), waveforms, 0.0)


class PowerSpectrum(nn.Module):
    """|STFT|^2 with a centred Hann window and zeros beyond both ends of each utterance.

    Args:
        config: transform, window and hop in samples.
    """

    window: Tensor

    def __init__(self, config: StftConfig) -> None:
        super().__init__()
        self.config = config
        window = torch.hann_window(config.win_length, periodic=True, dtype=torch.float64)
        left = (config.n_fft - config.win_length) // 2
        padded = nn.functional.pad(window, (left, config.n_fft - config.win_length - left))
        self.register_buffer("window", padded, persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Map waveforms (B, S), the first ``lengths`` (B,) samples real, to power (B, T, n_fft // 2 + 1)."""
        samples = real_samples(waveforms.to(self.window.dtype), lengths)
        size, hop = self.config.n_fft, self.config.hop_length
        if torch.onnx.is_in_onnx_export():
            return windowed_power(padded_around(samples, size), self.window, hop)
        frames = centred_frames(samples, size, hop)
        return torch.cat([power_of(piece * self.window) for piece in in_pieces(frames)], dim=1)


def in_pieces(frames: Tensor) -> Sequence[Tensor]:
    """Return frames (B, T, n) as pieces of few frames, which stay in the processor's cache while they are transformed.

    What is not kept of the transforms then takes no more memory in long recordings than in short ones.
    """
    if frames.device.type != "cpu":
        return (frames,)
    pieces: Sequence[Tensor] = torch.split(frames, max(1, FRAMES_AT_ONCE // max(1, len(frames))), dim=1)
    return pieces


def power_of(frames: Tensor) -> Tensor:
    """Return |DFT|^2 of real frames (..., n) at the frequencies up to half the rate, (..., n // 2 + 1)."""
    spectrum = torch.fft.rfft(frames)
    power: Tensor = spectrum.real.square() + spectrum.imag.square()
    return power


def centred_frames(samples: Tensor, frame_length: int, hop_length: int) -> Tensor:
    """Return (B, T, frame_length), frame t centred on sample t * hop of ``samples`` (B, S), zeros beyond the ends."""
    padded = padded_around(samples, frame_length)
    if torch.onnx.is_in_onnx_export():
        return gathered_frames(padded, frame_length, hop_length)
    frames: Tensor = padded.unfold(-1, frame_length, hop_length)
    return frames


def padded_around(samples: Tensor, frame_length: int) -> Tensor:
    """Return samples (B, S) with zeros beyond both ends, (B, S + frame_length), so that the first frame is centred."""
    half = frame_length // 2
    return nn.functional.pad(samples, (half, frame_length - half))


def frame_sums(values: Tensor, frame_length: int, hop_length: int) -> Tensor:
    """Return (B, T): the sum of each of ``centred_frames``.

    Summed first over blocks of which frames and hops are whole numbers, so that no value is read three times.
    """
    if torch.onnx.is_in_onnx_export():
        return centred_frames(values, frame_length, hop_length).sum(dim=-1)
    block = math.gcd(frame_length, hop_length)
    padded = padded_around(values, frame_length)
    blocks = padded[:, : padded.shape[1] // block * block].reshape(len(padded), -1, block)
    sums: Tensor = blocks.sum(dim=-1).unfold(-1, frame_length // block, hop_length // block).sum(dim=-1)
    return sums


def ascending(values: Tensor, dim: int) -> Tensor:
    """Return ``values`` sorted along a dimension.

    NumPy sorts about ten times faster than PyTorch does, which keeps track of where each value came from.
    """
    if values.device.type != "cpu" or values.requires_grad or torch.onnx.is_in_onnx_export():
        return values.sort(dim=dim).values
    return torch.from_numpy(np.sort(values.numpy(), axis=dim))
