"""How the frames of a batch lie in memory: one after another without padding, or padded to the longest.

Blocks that look at one frame at a time do not care; what looks across frames asks the layout. Both give the
same numbers. On a CPU nothing is spent on padding; elsewhere ``layout_of`` leaves the frames padded, since shapes
must not depend on the data (recorded steps on a GPU).
"""

from abc import ABC, abstractmethod
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.models.attention_blocks import attend_in_blocks
from magtfnet.models.masking import masked_mean, valid_frames, zero_padding
from magtfnet.models.precision import at_least_float32

ROWS = 256
"""Frames of a batch are filled up to a multiple of so many."""
SHORT = 1024
"""Frames up to which attention in bfloat16 keeps its weights: 8 MiB for four heads."""


class Layout(ABC):
    """What looks across the frames of an utterance.

    Args:
        lengths: (B,) real frames of each utterance, at least 1.
    """

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths

    @abstractmethod
    def arrange(self, padded: Tensor) -> Tensor:
        """Return frames (B, T, C) in this layout, without whatever stood in the padding, NaN included."""

    @abstractmethod
    def pad(self, frames: Tensor) -> Tensor:
        """Return frames of this layout as (B, T, C), T being at least the longest utterance, zero on padding."""

    @abstractmethod
    def windows(self, frames: Tensor, size: int) -> Tensor:
        """Return (..., size * C): each frame with its neighbours, ``size`` in all, zeros beyond the ends."""

    @abstractmethod
    def delayed(self, frames: Tensor, count: int) -> Tensor:
        """Return for each frame the one ``count`` earlier in its utterance, zeros before the first."""

    @abstractmethod
    def mean(self, frames: Tensor) -> Tensor:
        """Return the mean over the real frames of each utterance, (B, C): z = sum_t x_t mask_t / length (eq. 16)."""

    @abstractmethod
    def scale(self, frames: Tensor, weights: Tensor) -> Tensor:
        """Return the frames of each utterance times its weights (B, C)."""

    @abstractmethod
    def attend(self, query_key_value: Tensor, num_heads: int) -> Tensor:
        """Let every frame attend to the real frames of its utterance: (..., 3 * D) to (..., D)."""


class Packed(Layout):
    """All real frames one after another, (S, C), and zeros behind them up to a multiple of ``multiple``.

    Every number of rows has compiled kernels of its own, which oneDNN keeps: with few distinct numbers their
    memory stays small. The zeros behind the last utterance belong to none.

    Args:
        lengths: (B,) real frames of each utterance, at least 1.
        multiple: S is one of it.
    """

    def __init__(self, lengths: Tensor, multiple: int = 1) -> None:
        super().__init__(lengths)
        real: list[int] = lengths.tolist()
        self.counts = [*real, -sum(real) % multiple]

    def arrange(self, padded: Tensor) -> Tensor:
        """See ``Layout``."""
        *real, behind = self.counts
        frames = [frames[:count] for frames, count in zip(padded, real, strict=True)]
        return torch.cat([*frames, padded.new_zeros(behind, padded.shape[2])])

    def pad(self, frames: Tensor) -> Tensor:
        """See ``Layout``."""
        *parts, _ = torch.split(frames, self.counts)
        return nn.utils.rnn.pad_sequence(parts, batch_first=True)

    def windows(self, frames: Tensor, size: int) -> Tensor:
        """See ``Layout``."""
        half = size // 2
        around = (functional.pad(part, (0, 0, half, half)) for part in self._parts(frames))
        return torch.cat([part.unfold(0, size, 1).transpose(1, 2) for part in around]).flatten(1)

    def delayed(self, frames: Tensor, count: int) -> Tensor:
        """See ``Layout``."""
        earlier = functional.pad(frames, (0, 0, count, 0))[: len(frames)]
        return earlier.masked_fill(self._places < count, 0.0)

    @cached_property
    def _places(self) -> Tensor:
        """(S, 1): how many frames of its utterance lie before each."""
        return torch.cat([torch.arange(count, device=self.lengths.device) for count in self.counts])[:, None]

    def mean(self, frames: Tensor) -> Tensor:
        """See ``Layout``."""
        *parts, _ = torch.split(frames, self.counts)
        return torch.stack([at_least_float32(part).mean(dim=0) for part in parts])

    def scale(self, frames: Tensor, weights: Tensor) -> Tensor:
        """See ``Layout``."""
        *parts, behind = torch.split(frames, self.counts)
        return torch.cat([*(part * weight for part, weight in zip(parts, weights, strict=True)), behind])

    def attend(self, query_key_value: Tensor, num_heads: int) -> Tensor:
        """See ``Layout``."""
        attended = []
        for part in self._parts(query_key_value):
            heads = part.view(len(part), 3, num_heads, -1).permute(1, 2, 0, 3)  # (3, H, T, D / H)
            attended.append(_attention(*heads.unbind(0)).transpose(0, 1).flatten(1))
        return torch.cat(attended)

    def _parts(self, frames: Tensor) -> list[Tensor]:
        """Return the frames of each utterance, and those behind the last where there are any."""
        return [part for part in torch.split(frames, self.counts) if len(part)]


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return scaled dot-product attention over (H, T, D / H).

    PyTorch's own takes twice as long in bfloat16 on a CPU as these three lines while the weights (H, T, T) fit a
    cache; its memory does not grow with the square of the length.
    """
    if query.dtype == torch.bfloat16 and query.shape[1] <= SHORT:
        scaled = query * query.shape[-1] ** -0.5
        return torch.bmm(torch.bmm(scaled, key.transpose(1, 2)).softmax(dim=-1), value)
    attended = functional.scaled_dot_product_attention(query[None], key[None], value[None])
    return attended[0]


class Padded(Layout):
    """Every utterance padded to the longest, (B, T, C)."""

    def __init__(self, lengths: Tensor, num_frames: int) -> None:
        super().__init__(lengths)
        self.valid = valid_frames(lengths, num_frames)

    def arrange(self, padded: Tensor) -> Tensor:
        """See ``Layout``."""
        return zero_padding(padded, self.valid)

    def pad(self, frames: Tensor) -> Tensor:
        """See ``Layout``."""
        return zero_padding(frames, self.valid)

    def windows(self, frames: Tensor, size: int) -> Tensor:
        """See ``Layout``; ``frames`` is zero on padding."""
        half = size // 2
        return functional.pad(frames, (0, 0, half, half)).unfold(1, size, 1).transpose(2, 3).flatten(2)

    def delayed(self, frames: Tensor, count: int) -> Tensor:
        """See ``Layout``."""
        return functional.pad(frames, (0, 0, count, 0))[:, : frames.shape[1]]

    def mean(self, frames: Tensor) -> Tensor:
        """See ``Layout``."""
        return masked_mean(at_least_float32(frames), self.valid)

    def scale(self, frames: Tensor, weights: Tensor) -> Tensor:
        """See ``Layout``."""
        return frames * weights.unsqueeze(1)

    def attend(self, query_key_value: Tensor, num_heads: int) -> Tensor:
        """See ``Layout``."""
        batch, time, width = query_key_value.shape
        heads = query_key_value.view(batch, time, 3, num_heads, -1).permute(2, 0, 3, 1, 4)
        mask = self.valid[:, None, None, :]
        query, key, value = heads.unbind(0)
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return out.transpose(1, 2).reshape(batch, time, width // 3)


class Exported(Padded):
    """The padded layout in operations that an ONNX graph has for every number of utterances and frames."""

    def windows(self, frames: Tensor, size: int) -> Tensor:
        """See ``Layout``; ``frames`` is zero on padding."""
        half, num_frames = size // 2, frames.shape[1]
        padded = functional.pad(frames, (0, 0, half, half))
        return torch.cat([padded[:, first : first + num_frames] for first in range(size)], dim=-1)

    def attend(self, query_key_value: Tensor, num_heads: int) -> Tensor:
        """See ``Layout``; some frames at a time, so that memory does not grow with the square of the length."""
        batch, time, width = query_key_value.shape
        heads = query_key_value.view(batch, time, 3, num_heads, width // (3 * num_heads))
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, T, D / H)
        out = attend_in_blocks(query, key, value, self.valid[:, None, None, :])
        return out.transpose(1, 2).flatten(2)


def layout_of(frames: Tensor, lengths: Tensor) -> Layout:
    """Return the layout that is fastest for frames (B, T, C) where they are, or the one that can be exported."""
    if torch.onnx.is_in_onnx_export():
        return Exported(lengths, frames.shape[1])
    if frames.device.type != "cpu":
        return Padded(lengths, frames.shape[1])
    return Packed(lengths, ROWS if len(lengths) > 1 else 1)
