"""A CNN with channel attention: convolutions over the spectrogram, each weighing its channels.

After Zhu, Sun, Wei, Zhao: "Speech emotion recognition using channel attention mechanism", ICCEA 2023, known here by its
title and figures alone; the attention is squeeze and excitation (Hu et al., CVPR 2018). The number of layers and their
widths are ours: configuration. Kernels of 3 x 3 and pooling by two are ours and fixed. Slices of 300 frames; an
utterance's probabilities are the mean of its slices'.
"""

from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.config import Settings, validated
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.slices import mean_over_slices
from magtfnet.models.blocks.squeeze_excitation import SqueezeExcitation
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model


class ChannelAttentionConfig(Settings):
    """Four convolutions of 3 x 3, each followed by pooling by two."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    slice_frames: int = Field(300, ge=1)
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field((32, 64, 128, 128), min_length=1)
    reduction: int = Field(8, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)


class AttendedConvolution(nn.Module):
    """Convolution, BatchNorm, ReLU, channel weights, pooling.

    Args:
        before: channels of the input.
        after: channels of the output.
        reduction: of the attention.
    """

    def __init__(self, before: int, after: int, reduction: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.attention = SqueezeExcitation(after, reduction)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Map (S, C, T, M) to (S, C', T / 2, M / 2), rounded up."""
        feature_map = torch.relu_(self.norm(self._convolve(feature_map)))
        weights = self.attention(feature_map.permute(0, 2, 3, 1).mean(dim=(1, 2)))
        # weights are positive, so the largest value of a pool is the largest before them too
        pooled = functional.max_pool2d(feature_map, 2, ceil_mode=True)
        weighed: Tensor = pooled * weights[:, :, None, None]
        return weighed

    def _convolve(self, feature_map: Tensor) -> Tensor:
        """Map (S, C, T, M) to (S, C', T, M), channels last in memory."""
        if feature_map.shape[1] > 1 or torch.onnx.is_in_onnx_export():
            convolved: Tensor = self.convolution(feature_map)
            return convolved.contiguous(memory_format=torch.channels_last)
        # of one channel, a convolution would put channels first; a product of neighbourhoods puts them last
        time, bands = feature_map.shape[2:]
        padded = functional.pad(feature_map[:, 0], (1, 1, 1, 1))
        shifted = [padded[:, i : i + time, j : j + bands] for i in range(3) for j in range(3)]
        product = functional.linear(torch.stack(shifted, dim=-1), self.convolution.weight.flatten(1))
        channels_first: Tensor = product.permute(0, 3, 1, 2)
        return channels_first


class CNNChannelAttention(Model):
    """The network.

    Args:
        config: its sizes.
    """

    inputs = ("log_mel",)
    static_shapes = False  # the number of slices depends on the lengths

    def __init__(self, config: ChannelAttentionConfig) -> None:
        super().__init__()
        self.config: ChannelAttentionConfig = config
        widths = (1, *config.channels)
        self.layers = nn.Sequential(
            *(AttendedConvolution(before, after, config.reduction) for before, after in pairwise(widths))
        )
        self.dropout = Dropout(config.dropout)
        self.classifier = nn.Linear(widths[-1], config.num_classes)

    def forward(self, *, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to the logarithms of the mean probabilities (B, K)."""
        return mean_over_slices(self._classify, log_mel, lengths, self.config.slice_frames)

    def _classify(self, slices: Tensor, owners: Tensor) -> Tensor:
        """Map slices (S, T, M) to logits (S, K)."""
        feature_map = self.layers(slices.unsqueeze(1))
        with full_precision(feature_map):
            logits: Tensor = self.classifier(
                self.dropout(at_least_float32(feature_map).permute(0, 2, 3, 1).mean(dim=(1, 2)))
            )
        return logits


@register_model
def cnn_channel_attention(**overrides: Any) -> CNNChannelAttention:
    """Build the CNN with channel attention."""
    return CNNChannelAttention(validated(ChannelAttentionConfig, overrides, prefix="model."))
