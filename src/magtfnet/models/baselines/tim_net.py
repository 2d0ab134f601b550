"""TIM-Net: gated dilated convolutions that read an utterance in both directions, at doubling spans.

Ye, Wen, Wei, Xu, Liu, Wang, Shan: "Temporal modeling matters: a novel temporal emotional modeling approach for
speech emotion recognition", ICASSP 2023. The paper's input is 39 MFCC; here they are the cosine transform of the
standardised log-Mel frames, the first 39 of 40, at our frame rate of 10 ms instead of 12.5 ms. The authors cut or
fill up all recordings to one length and learn from what is filled up too; here lengths are the recordings' own. They
report, by random ten folds (speakers shared) and the last epoch, 90.28 WA and 89.19 UA on EMO-DB and 91.08 WA on CASIA.
"""

from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.blstm import reverse
from magtfnet.models.blocks.cosines import cosines
from magtfnet.models.layout import ROWS, Exported, Layout, Packed
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model


class TIMNetConfig(Settings):
    """The paper's sizes for EMO-DB: 39 filters of 2 frames, dilations 1 to 128."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    num_cepstra: int = Field(39, ge=1)
    filters: int = Field(39, ge=1)
    kernel_size: int = Field(2, ge=1)
    num_blocks: int = Field(8, ge=1, le=16)
    dropout: float = Field(0.1, ge=0, lt=1)


class TemporalAwareBlock(nn.Module):
    """Two causal convolutions decide, frame by frame, how much of the input passes (the paper's section 2.2).

    Args:
        filters: C.
        kernel_size: frames that a convolution sees.
        dilation: frames between these.
        dropout: of whole channels.
    """

    def __init__(self, filters: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.delays = [dilation * before for before in reversed(range(kernel_size))]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(filters, filters, kernel_size, dilation=dilation) for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(filters) for _ in range(2))
        self.dropout = dropout

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., C) of the layout to frames of the same shape."""
        gate = frames
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolved = self._convolve(cast("nn.Conv1d", convolution), gate, layout)
            gate = torch.relu(norm(convolved.flatten(0, -2)).view_as(convolved))
            if self.training:
                whole = torch.ones(len(layout.lengths), gate.shape[-1], device=gate.device, dtype=gate.dtype)
                gate = layout.scale(gate, functional.dropout(whole, self.dropout))
        return frames * torch.sigmoid(gate)

    def _convolve(self, convolution: nn.Conv1d, frames: Tensor, layout: Layout) -> Tensor:
        """Convolve as one product: a sixth of the time that a convolution takes, whose channels come first."""
        past = torch.cat([layout.delayed(frames, delay) for delay in self.delays], dim=-1)
        return _product(past, convolution.weight.transpose(1, 2).flatten(1), convolution.bias)


def _product(frames: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``frames @ weight.T + bias``; packed frames (S, C) are filled up, for what ``layout.Packed`` says."""
    if frames.dim() != 2:
        return functional.linear(frames, weight, bias)
    filled = functional.pad(frames, (0, 0, 0, -len(frames) % ROWS))
    return functional.linear(filled, weight, bias)[: len(frames)]


class TIMNet(Model):
    """The network.

    Args:
        config: its sizes.
    """

    inputs = ("log_mel",)
    cosines: Tensor
    # real frames are taken out of their padding, which batch normalisation must not see
    static_shapes = False

    def __init__(self, config: TIMNetConfig) -> None:
        super().__init__()
        self.config: TIMNetConfig = config
        self.register_buffer("cosines", cosines(config.n_mels, config.num_cepstra), persistent=False)
        sizes = config.filters, config.kernel_size
        self.ahead, self.back = (self._direction(*sizes) for _ in range(2))
        self.starts = nn.ModuleList(nn.Linear(config.num_cepstra, config.filters) for _ in range(2))
        self.fusion = nn.Parameter(
            torch.empty(config.num_blocks).uniform_(-0.05, 0.05) + 1 / config.num_blocks
        )
        self.classifier = nn.Linear(config.filters, config.num_classes)

    def _direction(self, filters: int, kernel_size: int) -> nn.ModuleList:
        return nn.ModuleList(
            TemporalAwareBlock(filters, kernel_size, 2**n, self.config.dropout)
            for n in range(self.config.num_blocks)
        )

    def forward(self, *, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to logits (B, K)."""
        # nothing learns in an exported graph, so padding may pass batch normalisation there
        exporting = torch.onnx.is_in_onnx_export()
        layout = Exported(lengths, log_mel.shape[1]) if exporting else Packed(lengths)
        cepstra = log_mel @ self.cosines
        ahead, back = (
            _product(layout.arrange(frames), cast("Tensor", start.weight), cast("Tensor", start.bias))
            for start, frames in zip(self.starts, (cepstra, reverse(cepstra, lengths)), strict=True)
        )
        spans = []
        for forward_block, backward_block in zip(self.ahead, self.back, strict=True):
            ahead, back = forward_block(ahead, layout), backward_block(back, layout)
            spans.append(layout.mean(ahead + back))  # the order of frames is averaged away
        with full_precision(ahead):
            fused = torch.einsum("n,nbc->bc", self.fusion, at_least_float32(torch.stack(spans)))
            logits: Tensor = self.classifier(fused)
        return logits


@register_model
def tim_net(**overrides: Any) -> TIMNet:
    """Build TIM-Net as its paper has it for EMO-DB.

    Raises:
        ConfigError: an unknown key, a refused value, or more cepstra than bands.
    """
    config = validated(TIMNetConfig, overrides, prefix="model.")
    if config.num_cepstra > config.n_mels:
        raise ConfigError(
            f"configuration model: num_cepstra {config.num_cepstra} must be at most the {config.n_mels} bands; lower it"
        )
    return TIMNet(config)
