"""Attention of an exported graph: a loop over the queries, so that only some rows of weights exist at a time.

PyTorch's own attention keeps no weights; as ONNX nodes it keeps all of them, (B, H, T, T): half a gigabyte for
a minute of one utterance.
"""

import torch
from torch import Tensor

QUERIES = 512
"""Frames that attend at once; their weights over a minute take 48 MiB for four heads."""


def attend_in_blocks(query: Tensor, key: Tensor, value: Tensor, valid: Tensor) -> Tensor:
    """Return scaled dot-product attention over the valid keys.

    Args:
        query: (B, H, T, D / H), as ``key`` and ``value``.
        key: what is compared with.
        value: what is averaged.
        valid: (B, 1, 1, T), True on real frames, at least one an utterance.
    """
    keys = key.transpose(2, 3) * key.shape[3] ** -0.5
    hidden = torch.where(valid, 0.0, -torch.inf)
    # Counted, since the exporter would take a size for the constant that it was in the example.
    frames = (valid == valid).sum(dim=-1).amax()
    turns = (frames + QUERIES - 1) // QUERIES
    attended: Tensor = scripted(query, keys, value, hidden, turns, QUERIES)
    return attended


def _attend(query: Tensor, keys: Tensor, value: Tensor, hidden: Tensor, turns: Tensor, size: int) -> Tensor:
    attended = []
    for turn in range(int(turns)):
        weights = torch.matmul(query[:, :, turn * size : (turn + 1) * size], keys) + hidden
        attended.append(torch.matmul(weights.softmax(dim=-1), value))
    return torch.cat(attended, dim=2)


# Only a scripted loop stays a loop.
scripted = torch.jit.script_if_tracing(_attend)  # type: ignore[no-untyped-call]
