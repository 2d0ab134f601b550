"""Squeeze and excitation over channels (Hu et al., CVPR 2018; paper, eqs. 6, 7): an utterance weighs its channels."""

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Decide a weight in (0, 1) for each channel from its mean over the utterance.

    Args:
        channels: C.
        reduction: the hidden layer has C // reduction units, at least 1.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, mean: Tensor) -> Tensor:
        """Map means over real frames (B, C) to channel weights (B, C): a = sigmoid(W2 ReLU(W1 s))."""
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
