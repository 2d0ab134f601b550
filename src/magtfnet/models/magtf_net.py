"""MAGTF-Net: multi-scale attention graph and Transformer over log-Mel frames, fused with low-level descriptors.

Zhu, Xie, Wang: "MAGTF-Net: Dynamic Speech Emotion Recognition with Multi-Scale Graph Attention and LLD
Feature Fusion", Sensors 2025, 25, 7378. Sizes that the paper does not give are ours: docs/paper.md says why.
"""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.graph_block import GraphBlock
from magtfnet.models.blocks.linear import Linear
from magtfnet.models.blocks.lld_branch import FramesBranch, FunctionalsBranch
from magtfnet.models.blocks.multi_scale_conv import MultiScaleConv
from magtfnet.models.blocks.transformer_encoder import TransformerEncoder
from magtfnet.models.layout import Layout, layout_of
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model

LARGEST = 16_384
"""Of any size: far beyond what is useful, and still far from exhausting memory by a slip of the hand."""


class MAGTFNetConfig(Settings):
    """Sizes of MAGTF-Net: the paper's where it names them."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    kernel_sizes: tuple[int, ...] = Field((3, 5, 7, 9, 11), min_length=1)
    channels: int = Field(64, ge=1, le=LARGEST)
    reduction: int = Field(4, ge=1, le=LARGEST)
    d_model: int = Field(128, ge=1, le=LARGEST)
    num_nodes: int = Field(40, ge=1, le=LARGEST)
    graph_rank: int = Field(10, ge=1, le=LARGEST)
    graph_channels: int = Field(32, ge=1, le=LARGEST)
    graph_order: Literal["start_conv_first", "graph_first"] = "start_conv_first"
    num_layers: int = Field(2, ge=1, le=LARGEST)
    num_heads: int = Field(4, ge=1, le=LARGEST)
    ffn_dim: int = Field(256, ge=1, le=LARGEST)
    lld_input: Literal["functionals", "frames"] = "functionals"
    lld_hidden: int = Field(64, ge=1, le=LARGEST)
    dropout: float = Field(0.3, ge=0, lt=1)


class MAGEncoder(nn.Module):
    """Log-Mel frames to local representations: multi-scale convolutions, learned graph, embedding (section 3.2)."""

    def __init__(self, config: MAGTFNetConfig) -> None:
        super().__init__()
        self.scales = MultiScaleConv(
            config.n_mels, config.channels, config.d_model, config.kernel_sizes, config.reduction
        )
        self.graph = GraphBlock(
            config.d_model,
            config.num_nodes,
            config.graph_channels,
            config.graph_rank,
            graph_first=config.graph_order == "graph_first",
            dropout=config.dropout,
        )
        self.embedding = Linear(config.d_model, config.d_model)

    def forward(self, log_mel: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., M) of the layout, zero on padding, to (..., D)."""
        return at_least_float32(self.embedding(self.graph(self.scales(log_mel, layout))))


class MAGTFNet(Model):
    """The full system of the paper (section 3).

    Args:
        config: its sizes.
    """

    def __init__(self, config: MAGTFNetConfig) -> None:
        super().__init__()
        self.config: MAGTFNetConfig = config
        self.encoder = MAGEncoder(config)
        self.transformer = TransformerEncoder(
            config.num_layers, config.d_model, config.num_heads, config.ffn_dim, config.dropout
        )
        self.dense = Linear(config.d_model, config.d_model)
        self.inputs = ("log_mel", "functionals" if config.lld_input == "functionals" else "lld")
        self.functionals_branch: FunctionalsBranch | None = None
        self.frames_branch: FramesBranch | None = None
        if config.lld_input == "functionals":
            self.functionals_branch = FunctionalsBranch(
                config.num_functionals, config.lld_hidden, config.dropout
            )
        else:
            self.frames_branch = FramesBranch(config.num_descriptors, config.lld_hidden, config.dropout)
        self.dropout = Dropout(config.dropout)
        self.classifier = Linear(config.d_model + config.lld_hidden, config.num_classes)

    def forward(
        self,
        *,
        log_mel: Tensor,
        lengths: Tensor,
        functionals: Tensor | None = None,
        lld: Tensor | None = None,
    ) -> Tensor:
        """Map features to logits.

        Args:
            log_mel: (B, T, M).
            lengths: (B,) real frames, at least 1.
            functionals: (B, number of functionals), where the model's inputs name them.
            lld: (B, T, L), where the model's inputs name it.

        Returns:
            logits (B, K).
        """
        layout = layout_of(log_mel, lengths)
        local = self.encoder(layout.arrange(log_mel), layout)  # (..., D)
        context = self.transformer(local, layout)
        with full_precision(context):
            mel_vector = self.dense(layout.mean(context))  # (B, D), eqs. 16 and 17
            if self.functionals_branch is not None:
                lld_vector = self.functionals_branch(functionals)
            elif self.frames_branch is not None:
                lld_vector = self.frames_branch(lld, lengths)
            fused = torch.cat((mel_vector, lld_vector), dim=-1)  # eq. 20
            logits: Tensor = self.classifier(self.dropout(fused))  # eq. 21
        return logits


@register_model
def magtf_net(**overrides: Any) -> MAGTFNet:
    """Build MAGTF-Net with functionals in the LLD branch, as the paper's experiments have it (section 4.2)."""
    return _build(overrides)


@register_model
def magtf_net_frames(**overrides: Any) -> MAGTFNet:
    """Build MAGTF-Net with frame-level descriptors in the LLD branch, as the paper's section 3.3 has it."""
    return _build({"lld_input": "frames"} | overrides)


@register_model
def magtf_net_graph_first(**overrides: Any) -> MAGTFNet:
    """Build MAGTF-Net with the graph before StartConv, as the paper's equation 9 has it."""
    return _build({"graph_order": "graph_first"} | overrides)


def _build(values: dict[str, Any]) -> MAGTFNet:
    config = validated(MAGTFNetConfig, values, prefix="model.")
    even = [size for size in config.kernel_sizes if size < 1 or size % 2 == 0]
    if even:
        raise ConfigError(
            f"configuration model.kernel_sizes has {even[0]}: a kernel spans an odd number of frames"
        )
    try:
        return MAGTFNet(config)
    except ValueError as error:
        raise ConfigError(f"configuration model: {error}; change one of them") from error
