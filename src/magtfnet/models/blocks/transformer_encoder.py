"""Transformer encoder layers (Vaswani et al., NeurIPS 2017), LayerNorm after each residual sum (paper, eq. 15).

Dropout stands on the output of attention, inside the feed-forward network and on its output; the attention
weights have none, so that attention needs no materialised (T, T) matrix.
"""

from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.blocks.linear import Linear
from magtfnet.models.layout import Layout


class SelfAttention(nn.Module):
    """Multi-head attention of every frame to every real frame.

    Args:
        d_model: D.
        num_heads: H, which divides D.

    Raises:
        ValueError: H does not divide D.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model {d_model} must be a multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.query_key_value = Linear(d_model, 3 * d_model)
        self.output = Linear(d_model, d_model)

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., D) of the layout to frames of the same shape."""
        attended: Tensor = self.output(layout.attend(self.query_key_value(frames), self.num_heads))
        return attended


class TransformerLayer(nn.Module):
    """Attention and a feed-forward network, each with residual and LayerNorm.

    Args:
        d_model: D.
        num_heads: H.
        ffn_dim: width of the feed-forward network.
        dropout: see the module.
    """

    def __init__(self, d_model: int, num_heads: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(d_model, num_heads)
        self.attention_norm = nn.LayerNorm(d_model)
        self.expand = Linear(d_model, ffn_dim)
        self.contract = Linear(ffn_dim, d_model)
        self.ffn_norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., D) of the layout to frames of the same shape."""
        frames = self.attention_norm(frames + self.dropout(self.attention(frames, layout)))
        hidden = self.dropout(functional.relu(self.expand(frames)))
        out: Tensor = self.ffn_norm(frames + self.dropout(self.contract(hidden)))
        return out


class TransformerEncoder(nn.Module):
    """A stack of layers.

    Args:
        num_layers: how many.
        d_model: D.
        num_heads: H.
        ffn_dim: width of the feed-forward networks.
        dropout: see the module.
    """

    def __init__(self, num_layers: int, d_model: int, num_heads: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(d_model, num_heads, ffn_dim, dropout) for _ in range(num_layers)
        )

    def forward(self, frames: Tensor, layout: Layout) -> Tensor:
        """Map frames (..., D) of the layout to frames of the same shape."""
        for layer in self.layers:
            frames = layer(frames, layout)
        return frames
