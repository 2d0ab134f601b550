"""The LLD branch: two linear layers, each with BatchNorm and ReLU (paper, eqs. 18, 19).

Section 3.3 feeds frames and pools them; section 4.2 feeds one vector of functionals an utterance. Both are
here, and the branch that a system without descriptors has.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.linear import Linear
from magtfnet.models.layout import Exported, Packed


class LLDBranch(Protocol):
    """Maps what ``inputs`` names to one vector of ``width`` an utterance."""

    inputs: tuple[str, ...]
    width: int

    def __call__(self, lengths: Tensor, *, functionals: Tensor | None, lld: Tensor | None) -> Tensor:
        """Return (B, width)."""


class FunctionalsBranch(nn.Module):
    """One vector of functionals to one vector.

    Args:
        in_features: number of functionals.
        hidden: width of both layers.
        dropout: after the first layer.
    """

    inputs = ("functionals",)

    def __init__(self, in_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width = hidden
        self.layers = two_layers(in_features, hidden, dropout)

    def forward(self, lengths: Tensor, *, functionals: Tensor, lld: Tensor | None = None) -> Tensor:
        """Map functionals (B, in_features) to (B, hidden)."""
        mapped: Tensor = self.layers(functionals)
        return mapped


class FramesBranch(nn.Module):
    """Frames of descriptors to one vector: the same layers on every real frame, then their mean.

    Padded frames never reach BatchNorm, so they change its statistics neither in training nor after.

    Args:
        in_features: L.
        hidden: width of both layers.
        dropout: after the first layer.
    """

    inputs = ("lld",)

    def __init__(self, in_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width = hidden
        self.layers = two_layers(in_features, hidden, dropout)

    def forward(self, lengths: Tensor, *, lld: Tensor, functionals: Tensor | None = None) -> Tensor:
        """Map frames (B, T, L), the first ``lengths`` (B,) of each real, to (B, hidden)."""
        if torch.onnx.is_in_onnx_export():  # nothing learns there, so padding may pass BatchNorm
            mapped = self.layers(lld.flatten(0, 1)).unflatten(0, lld.shape[:2])
            return Exported(lengths, lld.shape[1]).mean(mapped)
        layout = Packed(lengths)
        return layout.mean(self.layers(layout.arrange(lld)))


class NoBranch(nn.Module):
    """The branch of a system without descriptors: a vector of no numbers."""

    inputs = ()
    width = 0

    def forward(
        self, lengths: Tensor, *, functionals: Tensor | None = None, lld: Tensor | None = None
    ) -> Tensor:
        """Return (B, 0)."""
        return torch.zeros(len(lengths), 0, device=lengths.device)


def two_layers(in_features: int, hidden: int, dropout: float) -> nn.Sequential:
    """Return the layers of eqs. 18 and 19: (N, in_features) to (N, hidden)."""
    return nn.Sequential(
        Linear(in_features, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        Dropout(dropout),
        Linear(hidden, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
    )
