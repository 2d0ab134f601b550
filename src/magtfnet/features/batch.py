"""The features of several utterances, padded to the longest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class FeatureBatch:
    """What a model may take.

    Args:
        log_mel: (B, T, M), zero beyond ``lengths``.
        lld: (B, T, L), zero beyond ``lengths``.
        functionals: (B, number of functionals).
        lengths: (B,) real frames.
    """

    log_mel: Tensor
    lld: Tensor
    functionals: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def inputs(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the named features and the lengths, as keywords for a model's forward."""
        return {name: getattr(self, name) for name in names} | {"lengths": self.lengths}

    def to(self, device: torch.device) -> "FeatureBatch":
        """Return the batch on a device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def pad_frames(frames: Sequence[Tensor]) -> Tensor:
    """Stack frames (T_i, F) to (B, max T_i, F), zeros behind the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence(list(frames), batch_first=True)
