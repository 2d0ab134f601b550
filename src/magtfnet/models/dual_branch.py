"""The frame of the paper's systems: log-Mel frames in one branch, descriptors in the other, one classifier.

An encoder makes local representations of the frames, a context network lets them know each other, their mean
stands for the utterance; beside it stands the vector of the LLD branch (Zhu et al., Sensors 2025, 25, 7378,
section 3). MAGTF-Net, its ablations and the systems of the paper's Tables 1 and 2 differ in the parts.
Sizes that the paper does not give are ours: docs/paper.md says why.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.blstm import BLSTM
from magtfnet.models.blocks.cnn_encoder import CNNEncoder
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.graph_block import GraphBlock
from magtfnet.models.blocks.linear import Linear
from magtfnet.models.blocks.lld_branch import FramesBranch, FunctionalsBranch, LLDBranch, NoBranch
from magtfnet.models.blocks.mag_encoder import MAGEncoder
from magtfnet.models.blocks.transformer_encoder import TransformerEncoder
from magtfnet.models.precision import full_precision
from magtfnet.models.protocol import Model

LARGEST = 16_384
"""Of any size: far beyond what is useful, and still far from exhausting memory by a slip of the hand."""


class DualBranchConfig(Settings):
    """Parts and sizes: MAGTF-Net's, the paper's where it names them. Sizes of parts that are not there do nothing."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    encoder: Literal["mag", "cnn"] = "mag"
    kernel_sizes: tuple[Annotated[int, Field(le=LARGEST)], ...] = Field((3, 5, 7, 9, 11), min_length=1)
    channels: int = Field(64, ge=1, le=LARGEST)
    reduction: int = Field(4, ge=1, le=LARGEST)
    d_model: int = Field(128, ge=1, le=LARGEST)
    num_nodes: int = Field(40, ge=1, le=LARGEST)
    graph_rank: int = Field(10, ge=1, le=LARGEST)
    graph_channels: int = Field(32, ge=1, le=LARGEST)
    graph_order: Literal["start_conv_first", "graph_first", "none"] = "start_conv_first"
    cnn_channels: tuple[Annotated[int, Field(ge=1, le=LARGEST)], ...] = Field((16, 24, 32), min_length=1)
    cnn_kernel_size: int = Field(5, ge=1)
    context: Literal["transformer", "blstm"] = "transformer"
    num_layers: int = Field(2, ge=1, le=LARGEST)
    num_heads: int = Field(4, ge=1, le=LARGEST)
    ffn_dim: int = Field(256, ge=1, le=LARGEST)
    lld_input: Literal["functionals", "frames", "none"] = "functionals"
    lld_hidden: int = Field(64, ge=1, le=LARGEST)
    dropout: float = Field(0.3, ge=0, lt=1)

    @field_validator("kernel_sizes", "cnn_kernel_size")
    @classmethod
    def _kernels_are_odd(cls, value: tuple[int, ...] | int) -> tuple[int, ...] | int:
        sizes = (value,) if isinstance(value, int) else value
        even = [size for size in sizes if size < 1 or size % 2 == 0]
        if even:
            raise ValueError(f"a kernel spans an odd number of frames, found {even[0]}")
        return value


class DualBranchNet(Model):
    """Encoder, context and LLD branch as the configuration names them.

    Args:
        config: parts and sizes.

    Raises:
        ValueError: sizes that do not fit each other.
    """

    def __init__(self, config: DualBranchConfig) -> None:
        super().__init__()
        self.config: DualBranchConfig = config
        self.encoder = _encoder(config)
        self.context = _context(config)
        self.dense = Linear(config.d_model, config.d_model)
        self.lld_branch = _lld_branch(config)
        branch = cast("LLDBranch", self.lld_branch)
        self.inputs = ("log_mel", *branch.inputs)
        self.static_shapes = config.lld_input != "frames"  # frames are taken out of their padding
        self.dropout = Dropout(config.dropout)
        self.classifier = Linear(config.d_model + branch.width, config.num_classes)

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
        local, layout = self.encoder(log_mel, lengths)  # (..., D)
        frames = self.context(local, layout)
        with full_precision(frames):
            mel_vector = self.dense(layout.mean(frames))  # (B, D), eqs. 16 and 17
            lld_vector = self.lld_branch(lengths, functionals=functionals, lld=lld)
            fused = torch.cat((mel_vector, lld_vector), dim=-1)  # eq. 20
            logits: Tensor = self.classifier(self.dropout(fused))  # eq. 21
        return logits


def _encoder(config: DualBranchConfig) -> nn.Module:
    if config.encoder == "cnn":
        return CNNEncoder(config.n_mels, config.cnn_channels, config.cnn_kernel_size, config.d_model)
    sizes = (config.channels, config.d_model, config.kernel_sizes, config.reduction)
    return MAGEncoder(config.n_mels, *sizes, graph=_graph(config))


def _graph(config: DualBranchConfig) -> nn.Module:
    if config.graph_order == "none":
        return nn.Identity()
    return GraphBlock(
        config.d_model,
        config.num_nodes,
        config.graph_channels,
        config.graph_rank,
        graph_first=config.graph_order == "graph_first",
        dropout=config.dropout,
    )


def _context(config: DualBranchConfig) -> nn.Module:
    if config.context == "blstm":
        if config.d_model % 2:
            raise ValueError(f"d_model {config.d_model} must be even for the two directions of an LSTM")
        return BLSTM(config.d_model, config.d_model // 2, config.dropout)
    return TransformerEncoder(
        config.num_layers, config.d_model, config.num_heads, config.ffn_dim, config.dropout
    )


def _lld_branch(config: DualBranchConfig) -> nn.Module:
    if config.lld_input == "functionals":
        return FunctionalsBranch(config.num_functionals, config.lld_hidden, config.dropout)
    if config.lld_input == "frames":
        return FramesBranch(config.num_descriptors, config.lld_hidden, config.dropout)
    return NoBranch()


def build(parts: Mapping[str, Any], overrides: Mapping[str, Any]) -> DualBranchNet:
    """Build a system of these parts; ``overrides`` come from the user.

    Raises:
        ConfigError: an unknown key, a refused value, a part that makes the system what it is, or sizes that do not
            fit each other.
    """
    refuse_undoing(parts, overrides)
    config = validated(DualBranchConfig, {**parts, **overrides}, prefix="model.")
    try:
        return DualBranchNet(config)
    except ValueError as error:
        raise ConfigError(f"configuration model: {error}; change one of them") from error


def refuse_undoing(parts: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Refuse to change what a named system is.

    Raises:
        ConfigError: an override of one of its parts with another value.
    """
    for key, value in parts.items():
        given = overrides.get(key, value)
        if (tuple(given) if isinstance(given, list) else given) != value:
            raise ConfigError(
                f"configuration model.{key} = {given!r}: this system has {value!r}; name another model"
            )
