"""The LLD branch: two linear layers, each with BatchNorm and ReLU (paper, eqs. 18, 19).

Section 3.3 feeds frames and pools them; section 4.2 feeds one vector of functionals an utterance. Both are
here.
"""

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.linear import Linear
from magtfnet.models.layout import Exported, Packed


class FunctionalsBranch(nn.Module):
    """One vector of functionals to one vector.

    Args:
        in_features: number of functionals.
        hidden: width of both layers.
        dropout: after the first layer.
    """

    def __init__(self, in_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Linear(in_features, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            Dropout(dropout),
            Linear(hidden, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in_features) to (N, hidden)."""
        mapped: Tensor = self.layers(features)
        return mapped


class FramesBranch(nn.Module):
    """Frames of descriptors to one vector: the same layers on every real frame, then their mean.

    Padded frames never reach BatchNorm, so they change its statistics neither in training nor after.

    Args:
        in_features: L.
        hidden: width of both layers.
        dropout: after the first layer.
    """

    def __init__(self, in_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.mlp = FunctionalsBranch(in_features, hidden, dropout)

    def forward(self, lld: Tensor, lengths: Tensor) -> Tensor:
        """Map frames (B, T, L), the first ``lengths`` (B,) of each real, to (B, hidden)."""
        if torch.onnx.is_in_onnx_export():  # nothing learns there, so padding may pass BatchNorm
            mapped = self.mlp(lld.flatten(0, 1)).unflatten(0, lld.shape[:2])
            return Exported(lengths, lld.shape[1]).mean(mapped)
        layout = Packed(lengths)
        return layout.mean(self.mlp(layout.arrange(lld)))
