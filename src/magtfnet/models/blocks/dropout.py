"""Dropout whose random numbers cost little: 16 bits an element, four elements a draw.

PyTorch's own draws 32 bits an element, one after another on one core: up to a fifth of a training step.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

STEPS = 2**16


class Dropout(nn.Module):
    """Zero each element with probability ``p``, rounded to a multiple of 2^-16, and scale the others by 1 / (1 - p).

    Args:
        p: in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Map values of any shape to the same shape; in evaluation mode change nothing."""
        if not self.training or self.p == 0:
            return values
        if values.device.type != "cpu":
            return functional.dropout(values, self.p)
        # a mask in another order than the picture's would be read across memory
        if values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last):
            by_channel = values.permute(0, 2, 3, 1)
            return (by_channel * keep_mask(by_channel.shape, self.p, values.dtype)).permute(0, 3, 1, 2)
        return values * keep_mask(values.shape, self.p, values.dtype)


def keep_mask(shape: torch.Size, p: float, dtype: torch.dtype) -> Tensor:
    """Return zeros with probability ``p``, else 1 / (1 - p), from torch's generator."""
    count = shape.numel()
    zeros = min(round(p * STEPS), STEPS - 1)
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
    return (draws >= zeros - STEPS // 2).to(dtype).mul_(STEPS / (STEPS - zeros)).view(shape)
