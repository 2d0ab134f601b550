"""Convolutions over time and frequency with pooling between them, after Satt et al. (Interspeech 2017).

The feature map of an utterance is masked after every convolution, so that padding never comes back in; what the
pooling then finds in padded frames is zero, which no maximum over rectified values prefers.
"""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.blocks.linear import Linear
from magtfnet.models.layout import Layout, layout_of
from magtfnet.models.masking import valid_frames, zero_padding
from magtfnet.models.precision import at_least_float32

Count = TypeVar("Count", int, Tensor)
POOL = 2
"""Frames, and mel bands, that become one after each convolution."""


class CNNEncoder(nn.Module):
    """Log-Mel frames to fewer frames of local representations, one for every ``POOL`` ** (number of convolutions).

    Args:
        n_mels: M.
        channels: of each convolution in turn.
        kernel_size: odd, in frames and in bands.
        d_model: D.
    """

    def __init__(self, n_mels: int, channels: Sequence[int], kernel_size: int, d_model: int) -> None:
        super().__init__()
        before = (1, *channels[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
            for inputs, outputs in zip(before, channels, strict=True)
        )
        bands = n_mels
        for _ in channels:
            bands = pooled(bands)
        self.embedding = Linear(channels[-1] * bands, d_model)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Layout]:
        """Map log-Mel (B, T, M) to frames (..., D) and their layout; T may be any number from 1 on."""
        feature_map = zero_padding(log_mel, valid_frames(lengths, log_mel.shape[1])).unsqueeze(
            1
        )  # (B, 1, T, M)
        for convolution in self.convolutions:
            feature_map = torch.relu(convolution(feature_map))
            valid = valid_frames(lengths, feature_map.shape[2])
            feature_map = functional.max_pool2d(feature_map * valid[:, None, :, None], POOL, ceil_mode=True)
            lengths = pooled(lengths)
        frames = feature_map.transpose(1, 2).flatten(2)  # (B, T', C * bands)
        layout = layout_of(frames, lengths)
        return at_least_float32(self.embedding(layout.arrange(frames))), layout


def pooled(count: Count) -> Count:
    """Return how many places are left after pooling so many; a last one that is alone counts as well."""
    return (count + POOL - 1) // POOL
