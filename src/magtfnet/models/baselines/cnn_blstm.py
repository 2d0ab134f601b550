"""CNN-BLSTM and what lies between it and MAGTF-Net: the rows of the paper's Tables 1 and 2.

CNN-BLSTM is after Satt, Rozenberg, Hoory: "Efficient emotion recognition from speech using deep learning on
spectrograms", Interspeech 2017: slices of 3 s, the last filled up with silence, and an utterance's
probabilities are the mean of its slices'. "D_" is dynamic length: the utterance as it is. The paper gives no
sizes; the encoder has three convolutions with 16, 24 and 32 channels, the BLSTM 64 cells a direction.
Training sees the mean over the slices too, where Satt et al. train each slice by itself.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from magtfnet.config import validated
from magtfnet.errors import ConfigError
from magtfnet.models.dual_branch import DualBranchConfig, DualBranchNet, build
from magtfnet.models.masking import valid_frames, zero_padding
from magtfnet.models.protocol import Model, register_model

CNN_BLSTM = {"encoder": "cnn", "context": "blstm"}
MAG_BLSTM = {"context": "blstm"}
CNN_TRANSFORMER = {"encoder": "cnn"}
WITHOUT_LLD = {"lld_input": "none"}


class SlicedConfig(DualBranchConfig):
    """The parts of the network that sees the slices, and their length."""

    slice_frames: int = Field(300, ge=1, le=65_536)


class SlicedNet(Model):
    """A network that sees slices of one length, and whose probabilities are averaged over an utterance's slices.

    Args:
        config: of the network, and the frames of a slice.

    Raises:
        ValueError: sizes that do not fit each other.
    """

    static_shapes = False  # the number of slices depends on the lengths

    def __init__(self, config: SlicedConfig) -> None:
        super().__init__()
        self.config: SlicedConfig = config
        self.net = DualBranchNet(config)
        self.inputs = self.net.inputs

    def forward(self, *, log_mel: Tensor, lengths: Tensor, functionals: Tensor | None = None) -> Tensor:
        """Map features to the logarithms of the mean probabilities, (B, K); arguments as ``DualBranchNet``'s."""
        slices, owners = cut(log_mel, lengths, self.config.slice_frames)
        whole = torch.full_like(owners, self.config.slice_frames)
        each = functionals if functionals is None else functionals[owners]
        logits = self.net(log_mel=slices, lengths=whole, functionals=each)
        probabilities = functional.softmax(logits, dim=-1)
        sums = probabilities.new_zeros(len(lengths), probabilities.shape[1]).index_add(
            0, owners, probabilities
        )
        counts = torch.bincount(owners, minlength=len(lengths))
        return torch.log(sums / counts.unsqueeze(1) + torch.finfo(sums.dtype).tiny)


def cut(frames: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cut utterances into slices of ``size`` frames, the last of each filled up with zeros.

    Returns:
        slices (S, size, C) and the utterance that each belongs to, (S,).
    """
    real = zero_padding(frames, valid_frames(lengths, frames.shape[1]))
    filled = functional.pad(real, (0, 0, 0, -frames.shape[1] % size))
    pieces = filled.view(len(filled), -1, size, filled.shape[2])  # (B, most slices, size, C)
    counts = (lengths + size - 1) // size
    there = valid_frames(counts, pieces.shape[1])
    return pieces[there], there.nonzero()[:, 0]


def _sliced(parts: Mapping[str, Any], overrides: Mapping[str, Any]) -> SlicedNet:
    config = validated(SlicedConfig, {**parts, **overrides}, prefix="model.")
    if config.lld_input == "frames":
        raise ConfigError(
            "configuration model.lld_input = 'frames': slices take 'functionals' or 'none'; change it"
        )
    try:
        return SlicedNet(config)
    except ValueError as error:
        raise ConfigError(f"configuration model: {error}; change one of them") from error


@register_model
def cnn_blstm(**overrides: Any) -> SlicedNet:
    """Build CNN-BLSTM on fixed slices, with the LLD branch (row a)."""
    return _sliced(CNN_BLSTM, overrides)


@register_model
def cnn_blstm_without_lld(**overrides: Any) -> SlicedNet:
    """Build CNN-BLSTM on fixed slices, without the LLD branch (row a)."""
    return _sliced(CNN_BLSTM | WITHOUT_LLD, overrides)


@register_model
def d_cnn_blstm(**overrides: Any) -> DualBranchNet:
    """Build CNN-BLSTM on whole utterances, with the LLD branch (row b)."""
    return build(CNN_BLSTM, overrides)


@register_model
def d_cnn_blstm_without_lld(**overrides: Any) -> DualBranchNet:
    """Build CNN-BLSTM on whole utterances, without the LLD branch (row b)."""
    return build(CNN_BLSTM | WITHOUT_LLD, overrides)


@register_model
def d_mag_blstm(**overrides: Any) -> DualBranchNet:
    """Build the MAG encoder before a BLSTM, with the LLD branch (row c)."""
    return build(MAG_BLSTM, overrides)


@register_model
def d_mag_blstm_without_lld(**overrides: Any) -> DualBranchNet:
    """Build the MAG encoder before a BLSTM, without the LLD branch (row c)."""
    return build(MAG_BLSTM | WITHOUT_LLD, overrides)


@register_model
def d_cnn_transformer(**overrides: Any) -> DualBranchNet:
    """Build the convolutions before a Transformer, with the LLD branch (row d)."""
    return build(CNN_TRANSFORMER, overrides)


@register_model
def d_cnn_transformer_without_lld(**overrides: Any) -> DualBranchNet:
    """Build the convolutions before a Transformer, without the LLD branch (row d)."""
    return build(CNN_TRANSFORMER | WITHOUT_LLD, overrides)
