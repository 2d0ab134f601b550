"""Dual-TBNet: two kinds of features, each attending to the other, each followed by a BLSTM, then fused.

Liu, Kang, Ren: "Dual-TBNet: improving the robustness of speech features via dual-Transformer-BiLSTM for speech
emotion recognition", TASLP 31, 2023. Two 1-D convolutions bring the kinds to one width; two Transformer modules
let one kind ask the other; two BLSTMs add context. The paper's best pair joins acoustic and self-supervised
features; here they are log-Mel frames and low-level descriptors. Widths are ours: configuration. The
pooling, the mean, is ours and fixed.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.attention_blocks import attend_in_blocks
from magtfnet.models.blocks.blstm import BLSTM
from magtfnet.models.blocks.dropout import Dropout
from magtfnet.models.layout import Padded
from magtfnet.models.precision import at_least_float32, full_precision
from magtfnet.models.protocol import Model, register_model


class DualTBNetConfig(Settings):
    """Sizes; all ours."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    d_model: int = Field(64, ge=2)
    num_heads: int = Field(4, ge=1)
    ffn_dim: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)


class CrossTransformer(nn.Module):
    """A Transformer layer whose frames ask those of the other kind.

    Args:
        d_model: D.
        num_heads: H, which divides D.
        ffn_dim: width of the feed-forward network.
        dropout: of attention's and the feed-forward network's output.
    """

    def __init__(self, d_model: int, num_heads: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(d_model, d_model)
        self.key_value = nn.Linear(d_model, 2 * d_model)
        self.output = nn.Linear(d_model, d_model)
        self.attention_norm = nn.LayerNorm(d_model)
        self.ffn = nn.Sequential(nn.Linear(d_model, ffn_dim), nn.ReLU(), nn.Linear(ffn_dim, d_model))
        self.ffn_norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, asking: Tensor, asked: Tensor, valid: Tensor) -> Tensor:
        """Map frames (B, T, D) that ask frames of the same shape, of which ``valid`` (B, T) are real."""
        query = self._heads(self.query(asking))
        key, value = map(self._heads, self.key_value(asked).chunk(2, dim=-1))
        mask = valid[:, None, None, :]
        if torch.onnx.is_in_onnx_export():
            answers = attend_in_blocks(query, key, value, mask)
        else:
            answers = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        answer = self.output(answers.transpose(1, 2).flatten(2))
        frames = self.attention_norm(asking + self.dropout(answer))
        out: Tensor = self.ffn_norm(frames + self.dropout(self.ffn(frames)))
        return out

    def _heads(self, frames: Tensor) -> Tensor:
        """Return frames (B, T, D) as heads (B, H, T, D / H)."""
        batch, time, width = frames.shape
        return frames.view(batch, time, self.num_heads, width // self.num_heads).transpose(1, 2)


class DualTBNet(Model):
    """The network.

    Args:
        config: its sizes.
    """

    inputs = ("log_mel", "lld")

    def __init__(self, config: DualTBNetConfig) -> None:
        super().__init__()
        self.config: DualTBNetConfig = config
        width = config.d_model
        self.convolutions = nn.ModuleList(
            nn.Conv1d(features, width, 3, padding=1) for features in (config.n_mels, config.num_descriptors)
        )
        self.transformers = nn.ModuleList(
            CrossTransformer(width, config.num_heads, config.ffn_dim, config.dropout) for _ in range(2)
        )
        self.blstms = nn.ModuleList(BLSTM(width, width // 2, config.dropout) for _ in range(2))
        self.hidden = nn.Linear(2 * width, width)
        self.dropout = Dropout(config.dropout)
        self.classifier = nn.Linear(width, config.num_classes)

    def forward(self, *, log_mel: Tensor, lld: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) and descriptors (B, T, L) of ``lengths`` (B,) real frames to logits (B, K)."""
        layout = Padded(lengths, log_mel.shape[1])
        kinds = []
        for features, convolution in zip((log_mel, lld), self.convolutions, strict=True):
            by_channel = convolution(layout.arrange(features).transpose(1, 2))
            kinds.append(layout.arrange(at_least_float32(torch.relu(by_channel).transpose(1, 2))))
        vectors = []
        with full_precision(log_mel):
            for number, (transformer, blstm) in enumerate(zip(self.transformers, self.blstms, strict=True)):
                asked = transformer(kinds[number], kinds[1 - number], layout.valid)
                vectors.append(layout.mean(blstm(asked, layout)))
            fused = functional.relu(self.hidden(torch.cat(vectors, dim=-1)))
            logits: Tensor = self.classifier(self.dropout(fused))
        return logits


@register_model
def dual_tbnet(**overrides: Any) -> DualTBNet:
    """Build Dual-TBNet over log-Mel frames and low-level descriptors."""
    config = validated(DualTBNetConfig, overrides, prefix="model.")
    if config.d_model % config.num_heads or config.d_model % 2:
        raise ConfigError(
            f"configuration model: d_model {config.d_model} must be even and a multiple of num_heads "
            f"{config.num_heads}; change one of them"
        )
    return DualTBNet(config)
