"""Fisher vectors: how the frames of an utterance differ from a mixture of Gaussians that describes all frames.

Perronnin, Sánchez, Mensink: "Improving the Fisher kernel for large-scale image classification", ECCV 2010, for the
frames of speech: each frame belongs to each component by some share, and for each component it is told by how much
its frames lie off its mean, and how much wider or narrower they spread.
"""

import math

import torch
from torch import Tensor, nn

from magtfnet.models.masking import valid_frames

SMALLEST = 1e-12
"""Below this nothing is told from nothing; the square root has no slope at zero."""


class FisherVectors(nn.Module):
    """Frames to one vector an utterance.

    Mixture and decorrelation are fitted to training frames (``training/fisher_discriminant.py``); as made they are
    random. Everything is computed in float64: the square root makes much of what rounding leaves.

    Args:
        num_inputs: F of a frame.
        num_features: D, to which a frame is decorrelated.
        num_components: G of the mixture.
    """

    def __init__(self, num_inputs: int, num_features: int, num_components: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(num_inputs))
        self.whitening = nn.Parameter(torch.randn(num_inputs, num_features) / math.sqrt(num_inputs))
        self.means = nn.Parameter(torch.randn(num_components, num_features))
        self.log_variances = nn.Parameter(torch.zeros(num_components, num_features))
        self.log_weights = nn.Parameter(torch.full((num_components,), -math.log(num_components)))
        self.width = 2 * num_components * num_features

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Map frames (B, T, F), the first ``lengths`` (B,) of each real, float64, to (B, 2 * G * D) of length 1."""
        valid = valid_frames(lengths, frames.shape[1]).unsqueeze(-1)
        frames = (frames - self.centre.double()) @ self.whitening.double()
        means, variances = self.means.double(), self.log_variances.double().exp()
        weights = self.log_weights.double().softmax(dim=0)
        shares = torch.where(
            valid, self._log_densities(frames, means, variances, weights).softmax(dim=-1), 0.0
        )
        count = shares.sum(dim=1).unsqueeze(-1)  # (B, G, 1)
        first = shares.transpose(1, 2) @ frames
        second = shares.transpose(1, 2) @ frames.square()
        off = (first - count * means) / variances.sqrt() / weights.sqrt().unsqueeze(-1)
        spread = (second - 2 * first * means + count * means.square()) / variances - count
        told = torch.stack((off, spread / (2 * weights).sqrt().unsqueeze(-1)), dim=1).flatten(1)
        rooted = told.sign() * (told.abs() / lengths.unsqueeze(-1)).clamp_min(SMALLEST).sqrt()
        return rooted / rooted.square().sum(dim=-1, keepdim=True).sqrt()

    @staticmethod
    def _log_densities(frames: Tensor, means: Tensor, variances: Tensor, weights: Tensor) -> Tensor:
        """Return the logarithm of each component's weighted density (B, T, G), but for a common constant."""
        constant = weights.log() - 0.5 * (variances.log() + means.square() / variances).sum(dim=-1)
        return frames @ (means / variances).T - 0.5 * frames.square() @ (1 / variances).T + constant
