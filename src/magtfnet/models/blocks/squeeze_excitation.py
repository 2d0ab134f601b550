"""Squeeze and excitation over channels (Hu et al., CVPR 2018), the squeeze over real frames only (paper, eqs. 6, 7)."""

import torch
from torch import Tensor, nn

from magtfnet.models.masking import masked_mean


class SqueezeExcitation(nn.Module):
    """Scale each channel by a weight in (0, 1) that the utterance's mean decides.

    Args:
        channels: C.
        reduction: the hidden layer has C // reduction units, at least 1.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Map frames (B, T, C) to scaled frames of the same shape."""
        return frames * self.weights(frames, valid).unsqueeze(1)

    def weights(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Return the channel weights (B, C): a = sigmoid(W2 ReLU(W1 s)), s the mean over real frames."""
        mean = masked_mean(frames, valid)
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
