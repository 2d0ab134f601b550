"""Attentive pooling: frames weighted by what they hold (Yang et al., NAACL 2016; Chen et al., SPL 2018)."""

import torch
from torch import Tensor, nn


class AttentivePooling(nn.Module):
    """The weighted mean of the real frames of an utterance.

    Args:
        width: C of a frame.
        hidden: of the scores.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Map frames (B, T, C) of which ``valid`` (B, T) are real to (B, C)."""
        scores = self.score(torch.tanh(self.hidden(frames))).squeeze(-1)
        weights = scores.masked_fill(~valid, -torch.inf).softmax(dim=-1)
        return torch.einsum("bt,btc->bc", weights, frames)
