"""Multi-scale convolution: parallel convolutions over time, each with its own channel attention (paper, eqs. 5 to 7).

H_i = ReLU(Conv1d_ki(X)), weighted by squeeze and excitation; the branches are concatenated and mapped to one
width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.squeeze_excitation import SqueezeExcitation


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
        self.convolutions = nn.ModuleList(
            nn.Conv1d(in_features, channels, size, padding=size // 2) for size in kernel_sizes
        )
        self.attentions = nn.ModuleList(SqueezeExcitation(channels, reduction) for _ in kernel_sizes)
        self.fusion = nn.Linear(channels * len(kernel_sizes), d_model)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Map frames (B, T, M), zero on padding, to (B, T, D)."""
        by_feature = frames.transpose(1, 2)  # (B, M, T)
        branches = []
        for convolution, attention in zip(self.convolutions, self.attentions, strict=True):
            branch = torch.relu(convolution(by_feature)).transpose(1, 2)  # (B, T, C)
            branches.append(attention(branch, valid))
        fused: Tensor = self.fusion(torch.cat(branches, dim=-1))  # (B, T, D)
        return fused
