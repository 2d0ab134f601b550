"""Masks over the latent frames of an encoder that is fine-tuned: wav2vec 2.0's form of SpecAugment.

Chen and Rudnicky, ICASSP 2023, after Baevski et al., NeurIPS 2020: what the convolutions make of a recording is masked
in spans of frames and of features, and the Transformer hears what is left. That never more than half is masked, which
the authors' code may exceed in short recordings, is ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LatentMasking:
    """How much is masked; torch's generator draws where.

    Args:
        time_share: of frames, about.
        time_span: frames that are masked together.
        feature_share: of features, about.
        feature_span: features that are masked together.
    """

    time_share: float
    time_span: int
    feature_share: float
    feature_span: int

    def __call__(self, latents: Tensor, replacement: Tensor) -> Tensor:
        """Return latents (1, T, D) with the replacement (D,) in masked frames, and zeros in masked features."""
        frames = spans(latents.shape[1], self.time_share, self.time_span, fewest=2).to(latents.device)
        features = spans(latents.shape[2], self.feature_share, self.feature_span, fewest=1).to(latents.device)
        masked = torch.where(frames[None, :, None], replacement.to(latents.dtype), latents)
        return masked.masked_fill(features, 0)


def spans(length: int, share: float, span: int, fewest: int) -> Tensor:
    """Return a mask (length,) of spans that may overlap.

    As many as make the share, a last one as often as its part of a span says, but no fewer than ``fewest``; together at
    most half of the length. A share of 0 masks nothing.
    """
    mask = torch.zeros(length, dtype=torch.bool)
    wanted = int(share * length / span + float(torch.rand(())))
    count = min(max(wanted, fewest), length // (2 * span)) if share else 0
    for start in torch.randperm(max(0, length - span + 1))[:count].tolist():
        mask[start : start + span] = True
    return mask
