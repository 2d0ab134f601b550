"""CNN-BLSTM and what lies between it and MAGTF-Net: the rows of the paper's Tables 1 and 2.

CNN-BLSTM is after Satt, Rozenberg, Hoory: "Efficient emotion recognition from speech using deep learning on
spectrograms", Interspeech 2017: slices of 3 s, the last filled up with zeros (of standardised frames: the mean
frame of the training part, which takes part like any other), and an utterance's probabilities are the mean of its
slices'. "D_" is dynamic length: the utterance as it is. The paper gives no sizes; the encoder has three
convolutions with 16, 24 and 32 channels, the BLSTM 64 cells a direction. Training sees the mean over the slices
too, where Satt et al. train each slice by itself.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from magtfnet.config import validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.slices import mean_over_slices
from magtfnet.models.dual_branch import DualBranchConfig, DualBranchNet, build, refuse_undoing
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

        def classify(slices: Tensor, owners: Tensor) -> Tensor:
            each = None if functionals is None else functionals[owners]
            logits: Tensor = self.net(
                log_mel=slices, lengths=torch.full_like(owners, slices.shape[1]), functionals=each
            )
            return logits

        return mean_over_slices(classify, log_mel, lengths, self.config.slice_frames)


def _sliced(parts: Mapping[str, Any], overrides: Mapping[str, Any]) -> SlicedNet:
    refuse_undoing(parts, overrides)
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
