"""Bidirectional LSTM (Graves and Schmidhuber, Neural Networks 2005) over utterances of any length.

The backward direction is an LSTM that reads each utterance from its own last frame on, so neither direction
meets padding before the last real frame. PyTorch's packed sequences do the same, on a CPU frame by frame without
oneDNN.
"""

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.layout import Layout
from magtfnet.models.precision import full_precision


class BLSTM(nn.Module):
    """Let every frame know what came before and after it.

    Args:
        in_features: of a frame.
        cells: of each direction.
        dropout: of the output.
    """

    def __init__(self, in_features: int, cells: int, dropout: float) -> None:
        super().__init__()
        self.ahead = nn.LSTM(in_features, cells, batch_first=True)
        self.back = nn.LSTM(in_features, cells, batch_first=True)
        self.dropout = Dropout(dropout)

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., in_features) of the layout to frames (..., 2 * cells)."""
        padded = layout.pad(frames)  # (B, T, in_features)
        with full_precision(frames):
            ahead, _ = self.ahead(padded)
            back, _ = self.back(reverse(padded, layout.lengths))
        both = torch.cat((ahead, reverse(back, layout.lengths)), dim=-1)
        out: Tensor = self.dropout(layout.arrange(both))
        return out


def reverse(frames: Tensor, lengths: Tensor) -> Tensor:
    """Return frames (B, T, C) with the first ``lengths`` (B,) of each utterance in reverse, its padding in place."""
    places = torch.arange(frames.shape[1], device=frames.device)
    mirrored = lengths.unsqueeze(1) - 1 - places  # (B, T), negative on padding
    source = torch.where(mirrored >= 0, mirrored, places)
    return frames.gather(1, source.unsqueeze(-1).expand_as(frames))
