"""MAGTF-Net written down as the paper has it, from PyTorch's stock parts: what the fast model is compared with.

Conv1d branches, StartConv as a Conv2d over (features, time) images, the graph and the 1x1 convolutions one
after another, PyTorch's own encoder layers with a padding mask, and batches padded to their longest
utterance. Nothing in it is slower than it would be written by somebody who knows PyTorch.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.dual_branch import DualBranchNet


class LiteralMAGTFNet(nn.Module):
    """The model of ``magtf_net`` with the weights of one.

    Args:
        ours: whose configuration and weights it takes (copied).
    """

    inputs = ("log_mel", "functionals")

    def __init__(self, ours: DualBranchNet) -> None:
        super().__init__()
        config = ours.config
        self.config = config
        width, channels = config.d_model, config.graph_channels
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.n_mels, config.channels, size, padding=size // 2) for size in config.kernel_sizes
        )
        hidden = max(1, config.channels // config.reduction)
        self.attentions = nn.ModuleList(
            nn.Sequential(
                nn.Linear(config.channels, hidden),
                nn.ReLU(),
                nn.Linear(hidden, config.channels),
                nn.Sigmoid(),
            )
            for _ in config.kernel_sizes
        )
        self.fusion = nn.Linear(config.channels * len(config.kernel_sizes), width)
        self.source = nn.Parameter(torch.empty(config.num_nodes, config.graph_rank))
        self.target = nn.Parameter(torch.empty(config.graph_rank, config.num_nodes))
        self.start = nn.Conv2d(1, channels, (width - config.num_nodes + 1, 1))
        self.mix_in, self.mix_out = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        self.graph_output, self.graph_norm = nn.Linear(config.num_nodes, width), nn.LayerNorm(width)
        self.embedding = nn.Linear(width, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.num_heads, config.ffn_dim, config.dropout, batch_first=True
            )
            for _ in range(config.num_layers)
        )
        for layer in self.layers:
            layer.self_attn.dropout = 0.0  # ours has none on attention weights either (docs/paper.md)
        self.dense = nn.Linear(width, width)
        self.lld = nn.Sequential(
            nn.Linear(config.num_functionals, config.lld_hidden),
            nn.BatchNorm1d(config.lld_hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.lld_hidden, config.lld_hidden),
            nn.BatchNorm1d(config.lld_hidden),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(width + config.lld_hidden, config.num_classes)
        self.load_state_dict(renamed(ours.state_dict()))

    def forward(self, *, log_mel: Tensor, functionals: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M), functionals and lengths (B,) to logits (B, K)."""
        valid = torch.arange(log_mel.shape[1]) < lengths.unsqueeze(1)
        shares = (valid / lengths.unsqueeze(1)).unsqueeze(-1)  # (B, T, 1)
        by_feature = (log_mel * valid.unsqueeze(-1)).transpose(1, 2)
        branches = []
        for convolution, attention in zip(self.convolutions, self.attentions, strict=True):
            branch = torch.relu(convolution(by_feature)).transpose(1, 2)
            branches.append(branch * attention((branch * shares).sum(dim=1)).unsqueeze(1))
        frames = self.fusion(torch.cat(branches, dim=-1))
        frames = self.embedding(self._graph(frames))
        for layer in self.layers:
            frames = layer(frames, src_key_padding_mask=~valid)
        vector = self.dense((frames * shares).sum(dim=1))
        logits: Tensor = self.classifier(self.dropout(torch.cat((vector, self.lld(functionals)), dim=-1)))
        return logits

    def _graph(self, frames: Tensor) -> Tensor:
        adjacency = torch.relu(self.source @ self.target).softmax(dim=-1)
        image = self.start(frames.transpose(1, 2).unsqueeze(1))  # (B, C, N, T)
        image = torch.einsum("bcnt,nm->bcmt", image, adjacency)
        image = functional.gelu(self.mix_out(functional.gelu(self.mix_in(image))))
        nodes = self.graph_output(image.mean(dim=1).transpose(1, 2))
        normalized: Tensor = self.graph_norm(self.dropout(nodes) + frames)
        return normalized


def renamed(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights or gradients of ``magtf_net`` under the names, and in the shapes, of the literal model."""
    theirs = {}
    for name, value in ours.items():
        for old, new in NAMES.items():
            name = name.replace(old, new)
        if name == "start.weight":
            value = value[:, None, :, None]
        elif name in ("mix_in.weight", "mix_out.weight"):
            value = value[:, :, None, None]
        theirs[name] = value.clone()
    return theirs


NAMES = {
    "encoder.scales.": "",
    "encoder.graph.source_embedding": "source",
    "encoder.graph.target_embedding": "target",
    "encoder.graph.start_": "start.",
    "encoder.graph.output": "graph_output",
    "encoder.graph.norm": "graph_norm",
    "encoder.graph.": "",
    "encoder.embedding": "embedding",
    "context.layers": "layers",
    "attention.query_key_value.": "self_attn.in_proj_",
    "attention.output": "self_attn.out_proj",
    "attention_norm": "norm1",
    "ffn_norm": "norm2",
    "expand": "linear1",
    "contract": "linear2",
    ".squeeze.": ".0.",
    ".excite.": ".2.",
    "lld_branch.layers": "lld",
}
