"""DenseNet-GRU: densely connected convolutions over the spectrogram, a GRU over time.

After Cheng, Zhang, Yin: "A DenseNet-GRU technology for Chinese speech emotion recognition", FEICT 2021, known here by
its title and figures alone, and the two works that it joins: DenseNet (Huang et al., CVPR 2017) and GRU (Cho et al.,
EMNLP 2014). The number of blocks and layers, the growth and the GRU's width are ours: configuration. The mean over
the GRU's states is ours and fixed. Slices of 300 frames; an utterance's probabilities are the mean of its slices'.
"""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.slices import mean_over_slices
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model


class DenseNetGRUConfig(Settings):
    """Three dense blocks of four layers, halving time and frequency after each of the first two."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    slice_frames: int = Field(300, ge=4)
    growth: int = Field(12, ge=1)
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((4, 4, 4), min_length=1)
    cells: int = Field(128, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)


class DenseLayer(nn.Module):
    """BatchNorm, ReLU, a 3 x 3 convolution, and the input beside its result.

    Args:
        channels: of the input.
        growth: channels that are added.
        dropout: of what is added.
    """

    def __init__(self, channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.convolution = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Map (S, C, T, M) to (S, C + growth, T, M)."""
        added = self.dropout(self.convolution(torch.relu_(self.norm(feature_map))))
        return torch.cat((feature_map, added), dim=1)


def _transition(channels: int) -> nn.Sequential:
    """Halve channels, time and frequency.

    The 1 x 1 convolution of a mean is the mean of the convolutions: pooling first, it has a quarter of the work.
    """
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Conv2d(channels, channels // 2, 1, bias=False),
    )


class DenseNetGRU(Model):
    """The network.

    Args:
        config: its sizes.
    """

    inputs = ("log_mel",)
    static_shapes = False  # the number of slices depends on the lengths

    def __init__(self, config: DenseNetGRUConfig) -> None:
        super().__init__()
        self.config: DenseNetGRUConfig = config
        channels, bands = 2 * config.growth, config.n_mels
        self.first = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        parts: list[nn.Module] = []
        for number, count in enumerate(config.layers):
            for _ in range(count):
                parts.append(DenseLayer(channels, config.growth, config.dropout))
                channels += config.growth
            if number < len(config.layers) - 1:
                parts.append(_transition(channels))
                channels, bands = channels // 2, -(-bands // 2)
        self.dense = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.gru = nn.GRU(channels * bands, config.cells, batch_first=True)
        self.dropout = Dropout(config.dropout)
        self.classifier = nn.Linear(config.cells, config.num_classes)

    def forward(self, *, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to the logarithms of the mean probabilities (B, K)."""
        return mean_over_slices(self._classify, log_mel, lengths, self.config.slice_frames)

    def _classify(self, slices: Tensor, owners: Tensor) -> Tensor:
        """Map slices (S, T, M) to logits (S, K)."""
        feature_map = self.first(slices.unsqueeze(1)).contiguous(memory_format=torch.channels_last)
        feature_map = self.dense(feature_map)  # a step takes a sixth less with channels last
        with full_precision(feature_map):
            frames = at_least_float32(feature_map).transpose(1, 2).flatten(2)
            states, _ = self.gru(frames)
            logits: Tensor = self.classifier(self.dropout(states.mean(dim=1)))
        return logits


@register_model
def densenet_gru(**overrides: Any) -> DenseNetGRU:
    """Build DenseNet-GRU."""
    return DenseNetGRU(validated(DenseNetGRUConfig, overrides, prefix="model."))
