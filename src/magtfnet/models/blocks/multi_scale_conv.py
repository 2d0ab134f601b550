"""Multi-scale convolution: parallel convolutions over time, each with its own channel attention (paper, eqs. 5 to 7).

H_i = ReLU(Conv1d_ki(X)), weighted by squeeze and excitation; the branches are concatenated and mapped to one
width. The convolutions are one matrix product: each frame with its neighbours, times the kernels of all
branches, the shorter ones between zeros.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.blocks.linear import Linear, linear
from magtfnet.models.blocks.squeeze_excitation import SqueezeExcitation
from magtfnet.models.layout import Layout
from magtfnet.models.precision import at_least_float32, full_precision


class MultiScaleConv(nn.Module):
    """Frames to a local representation that has seen several spans of time.

    Args:
        in_features: M, the features of an input frame.
        channels: C of each branch.
        d_model: D, the features of an output frame.
        kernel_sizes: odd numbers of frames, one a branch.
        reduction: of the squeeze and excitation.
    """

    def __init__(
        self, in_features: int, channels: int, d_model: int, kernel_sizes: Sequence[int], reduction: int
    ) -> None:
        super().__init__()
        self.span = max(kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(in_features, channels, size, padding=size // 2) for size in kernel_sizes
        )
        self.attentions = nn.ModuleList(SqueezeExcitation(channels, reduction) for _ in kernel_sizes)
        self.fusion = Linear(channels * len(kernel_sizes), d_model)

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., M) of the layout, zero on padding, to (..., D)."""
        weight, bias = self._kernels()
        branches = torch.relu(linear(layout.windows(frames, self.span), weight, bias))  # (..., branches * C)
        with full_precision(frames):
            means = layout.mean(branches).chunk(len(self.attentions), dim=-1)
            weights = [attention(mean) for attention, mean in zip(self.attentions, means, strict=True)]
        return at_least_float32(self.fusion(layout.scale(branches, torch.cat(weights, dim=-1))))

    def _kernels(self) -> tuple[Tensor, Tensor]:
        """Return all kernels as one weight (branches * C, span * M), and their bias (branches * C)."""
        convolutions = cast("Sequence[nn.Conv1d]", self.convolutions)
        kernels = []
        for convolution in convolutions:
            missing = (self.span - convolution.weight.shape[2]) // 2
            kernels.append(functional.pad(convolution.weight, (missing, missing)).transpose(1, 2).flatten(1))
        return torch.cat(kernels), torch.cat(
            [cast("Tensor", convolution.bias) for convolution in convolutions]
        )
