"""GraphBlock: a learned graph over latent acoustic nodes (paper, eqs. 8 to 13; after MSGNet, Cai et al., AAAI 2024).

A = softmax_rows(ReLU(E1 E2)). A convolution over the feature axis (StartConv) makes N nodes of each frame,
each with several channels; A passes messages between nodes; two 1x1 convolutions with GELU refine the
channels; their mean goes back to the model's width and, with the input, through a LayerNorm.

The paper lets A act on x(t) before StartConv, although its shapes then only agree for N = D; MSGNet starts
with StartConv. Both orders are here (docs/paper.md).

StartConv, A and the first 1x1 convolution are all linear in the frame, so they are applied as one matrix,
which is made anew from their own parameters at every call: the same function, one product.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.linear import Linear, linear
from magtfnet.models.precision import full_precision

FRAMES_AT_ONCE = 256
"""The nodes of so many frames stay in a processor's cache; those of a whole batch would go to memory and back."""


class GraphBlock(nn.Module):
    """Pass messages between the nodes of each frame.

    Args:
        d_model: D, the features of a frame.
        num_nodes: N, the outputs of StartConv; its kernel spans D - N + 1 features.
        channels: C of the convolutions.
        rank: r, the width of the node embeddings.
        graph_first: let A act on the D features before StartConv, not on its N outputs.
        dropout: of the block's output, before the residual sum.

    Raises:
        ValueError: more nodes than features.
    """

    def __init__(
        self, d_model: int, num_nodes: int, channels: int, rank: int, *, graph_first: bool, dropout: float
    ) -> None:
        super().__init__()
        if not 1 <= num_nodes <= d_model:
            raise ValueError(f"num_nodes must lie between 1 and d_model {d_model}, found {num_nodes}")
        self.num_nodes = num_nodes
        self.graph_first = graph_first
        graph_size = d_model if graph_first else num_nodes
        kernel_size = d_model - num_nodes + 1
        self.source_embedding = nn.Parameter(torch.randn(graph_size, rank))
        self.target_embedding = nn.Parameter(torch.randn(rank, graph_size))
        self.start_weight = nn.Parameter(torch.empty(channels, kernel_size))
        self.start_bias = nn.Parameter(torch.empty(channels))
        self.mix_in = Linear(channels, channels)  # a 1x1 convolution is a linear layer over channels
        self.mix_out = Linear(channels, channels)
        self.output = Linear(num_nodes, d_model)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(d_model)
        bound = 1 / math.sqrt(kernel_size)  # as nn.Conv2d initialises a kernel of this fan-in
        nn.init.uniform_(self.start_weight, -bound, bound)
        nn.init.uniform_(self.start_bias, -bound, bound)

    def adjacency(self) -> Tensor:
        """Return A, each row summing to 1: (N, N), or (D, D) with the graph first."""
        return torch.relu(self.source_embedding @ self.target_embedding).softmax(dim=-1)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (..., D) to frames of the same shape; each frame by itself."""
        with full_precision(frames):
            weight, bias = self._folded()
        flat = frames.flatten(0, -2)  # (S, D)
        if frames.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
            nodes = [self._nodes(piece, weight, bias) for piece in torch.split(flat, FRAMES_AT_ONCE)]
            refined = self.output(torch.cat(nodes)).view_as(frames)
        else:
            refined = self.output(self._nodes(flat, weight, bias)).view_as(frames)
        normalized: Tensor = self.norm(self.dropout(refined) + frames)
        return normalized

    def _nodes(self, frames: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Map frames (S, D) to their nodes (S, N)."""
        nodes = functional.gelu(linear(frames, weight, bias)).view(
            -1, self.num_nodes, self.mix_out.in_features
        )
        return functional.gelu(self.mix_out(nodes)).mean(dim=-1)

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Return StartConv, A and the first 1x1 convolution as one weight (N * C, D) and bias (N * C)."""
        adjacency = self.adjacency()
        mixed = self.mix_in.weight @ self.start_weight  # (C, kernel)
        shifted = banded(mixed, self.num_nodes)  # (C, N, D): node n sees features n to n + kernel - 1
        channel_bias = self.mix_in.weight @ self.start_bias  # (C,)
        if self.graph_first:  # (x A) W: feature d reaches node n through all features e
            weight = torch.einsum("de,cne->ncd", adjacency, shifted)
            bias = channel_bias.expand(self.num_nodes, -1)
        else:  # (x W) A: node m passes its value to node n
            weight = torch.einsum("cmd,mn->ncd", shifted, adjacency)
            bias = adjacency.sum(dim=0).unsqueeze(1) * channel_bias
        bias = bias + self.mix_in.bias  # (N, C)
        return weight.flatten(0, 1), bias.flatten()


def banded(kernels: Tensor, rows: int) -> Tensor:
    """Return (C, rows, kernel + rows - 1): row n holds its kernel (C, kernel) moved n places to the right, else zeros.

    With the kernel [a b] and three rows::

        a b 0 0
        0 a b 0
        0 0 a b

    is the sequence ``a b 0 0 0`` repeated and cut every 4 places instead of 5.
    """
    channels, kernel = kernels.shape
    width = kernel + rows - 1
    sequence = functional.pad(kernels, (0, rows)).repeat(1, rows)  # (C, rows * (width + 1))
    return sequence[:, : rows * width].reshape(channels, rows, width)
