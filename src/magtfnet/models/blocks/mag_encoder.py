"""The MAG encoder: multi-scale convolutions, learned graph, embedding (paper, section 3.2, eqs. 5 to 14)."""

from collections.abc import Sequence

from torch import Tensor, nn

from magtfnet.models.blocks.linear import Linear
from magtfnet.models.blocks.multi_scale_conv import MultiScaleConv
from magtfnet.models.layout import Layout, layout_of
from magtfnet.models.precision import at_least_float32


class MAGEncoder(nn.Module):
    """Log-Mel frames to local representations, one a frame.

    Args:
        n_mels: M.
        channels: of each convolution.
        d_model: D.
        kernel_sizes: odd numbers of frames, one a branch.
        reduction: of the squeeze and excitation.
        graph: maps frames (..., D) to frames of the same shape.
    """

    def __init__(
        self,
        n_mels: int,
        channels: int,
        d_model: int,
        kernel_sizes: Sequence[int],
        reduction: int,
        graph: nn.Module,
    ) -> None:
        super().__init__()
        self.scales = MultiScaleConv(n_mels, channels, d_model, kernel_sizes, reduction)
        self.graph = graph
        self.embedding = Linear(d_model, d_model)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Layout]:
        """Map log-Mel (B, T, M) to frames (..., D) and their layout."""
        layout = layout_of(log_mel, lengths)
        local = self.scales(layout.arrange(log_mel), layout)
        return at_least_float32(self.embedding(self.graph(local))), layout
