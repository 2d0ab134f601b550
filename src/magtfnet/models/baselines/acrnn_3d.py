"""ACRNN: convolutions over log-Mel, its delta and delta-delta, a BLSTM, attention over time.

Chen, He, Yang, Zhang: "3-D convolutional recurrent neural networks with attention model for speech emotion
recognition", IEEE Signal Processing Letters 25(10), 2018. Slices of 300 frames; an utterance's probabilities are
the mean of its slices'. Six convolutions of 5 frames by 3 bands (128, then 256 channels), the first followed by
pooling 2 by 4; a linear layer of 768 before a BLSTM of 128 cells a direction; 64 units behind the attention.
The paper leaves open where dropout stands and whether the linear layer is normalised: here it is, as in the
authors' code, and dropout follows each convolution and stands before the classifier; all are fixed, how much dropout is
configuration. The authors' attention scores pass a sigmoid, here a hyperbolic tangent as in Yang et al. (NAACL 2016).
Their code takes the largest score over an utterance's slices; here every sliced system takes the mean of their
probabilities, and cuts alike (``blocks/slices.py``). Their code standardises each of the three channels; here log-Mel
is, and deltas are of what is standardised, so that they are smaller.
"""

from itertools import pairwise
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.config import Settings, validated
from magtfnet.models.blocks.attentive_pooling import AttentivePooling
from magtfnet.models.blocks.blstm import BLSTM
from magtfnet.models.blocks.delta import delta
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.fourier_convolution import convolve_same
from magtfnet.models.blocks.slices import mean_over_slices
from magtfnet.models.layout import Padded
from magtfnet.models.masking import valid_frames, zero_padding
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model

SLOPE = 0.01


class ACRNNConfig(Settings):
    """The paper's sizes; dropout is ours."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    slice_frames: int = Field(300, ge=2)
    first_channels: int = Field(128, ge=1)
    channels: int = Field(256, ge=1)
    num_convolutions: int = Field(6, ge=1)
    linear: int = Field(768, ge=1)
    cells: int = Field(128, ge=1)
    hidden: int = Field(64, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)


class ACRNN(Model):
    """The network.

    Args:
        config: its sizes.
    """

    inputs = ("log_mel",)
    static_shapes = False  # the number of slices depends on the lengths

    def __init__(self, config: ACRNNConfig) -> None:
        super().__init__()
        self.config: ACRNNConfig = config
        widths = [3, config.first_channels, *[config.channels] * (config.num_convolutions - 1)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, (5, 3), padding=(2, 1)) for before, after in pairwise(widths)
        )
        for convolution in self.convolutions:  # six layers without normalisation: the signal must not fade
            nn.init.kaiming_normal_(cast("Tensor", convolution.weight), a=SLOPE)
        self.linear = nn.Linear(widths[-1] * -(-config.n_mels // 4), config.linear)
        self.norm = nn.BatchNorm1d(config.linear)
        self.blstm = BLSTM(config.linear, config.cells, dropout=0.0)
        self.attention = AttentivePooling(2 * config.cells, config.hidden)
        self.hidden = nn.Linear(2 * config.cells, config.hidden)
        self.dropout = Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden, config.num_classes)

    def forward(self, *, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to the logarithms of the mean probabilities (B, K)."""
        real = zero_padding(log_mel, valid_frames(lengths, log_mel.shape[1]))
        first = delta(real, lengths)
        three = torch.cat((real, first, delta(first, lengths)), dim=-1)
        return mean_over_slices(self._classify, three, lengths, self.config.slice_frames)

    def _classify(self, slices: Tensor, owners: Tensor) -> Tensor:
        """Map slices (S, T, 3 * M) to logits (S, K)."""
        # bands are the rows: convolutions learn in half the time where rows are long, and with channels last
        feature_map = slices.view(*slices.shape[:2], 3, -1).permute(0, 2, 3, 1)  # (S, 3, M, T)
        feature_map = feature_map.contiguous(memory_format=torch.channels_last)
        for number, convolution in enumerate(self.convolutions):
            weight, bias = (
                cast("Tensor", convolution.weight).transpose(2, 3),
                cast("Tensor", convolution.bias),
            )
            feature_map = convolve_same(feature_map, weight, bias)
            # pooled before the activation: the greatest value stays the greatest, and an eighth is left to activate
            if number == 0:
                feature_map = functional.max_pool2d(feature_map, (4, 2), ceil_mode=True)
            feature_map = self.dropout(functional.leaky_relu(feature_map, SLOPE))
        frames = self.linear(feature_map.permute(0, 3, 1, 2).flatten(2))  # (S, T / 2, linear)
        with full_precision(frames):
            normed = self.norm(at_least_float32(frames).flatten(0, 1)).view(frames.shape)
            frames = functional.leaky_relu(normed, SLOPE)
            layout = Padded(torch.full_like(owners, frames.shape[1]), frames.shape[1])
            pooled = self.attention(self.blstm(frames, layout), layout.valid)
            hidden = functional.leaky_relu(self.hidden(pooled), SLOPE)
            logits: Tensor = self.classifier(self.dropout(hidden))
        return logits


@register_model
def acrnn_3d(**overrides: Any) -> ACRNN:
    """Build ACRNN at its paper's sizes."""
    return ACRNN(validated(ACRNNConfig, overrides, prefix="model."))
