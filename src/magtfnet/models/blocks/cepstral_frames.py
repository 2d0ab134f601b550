"""Frames of cepstra or descriptors, with how they change over shorter and longer spans of time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.cosines import cosines
from magtfnet.models.blocks.delta import delta
from magtfnet.models.masking import valid_frames, zero_padding


def with_differences(frames: Tensor, lengths: Tensor, spans: Sequence[int]) -> Tensor:
    """Return frames (B, T, C), their first and second differences over the first span, and first ones over the others.

    The result is (B, T, C * (2 + number of spans)).
    """
    first, *others = (delta(frames, lengths, span) for span in spans)
    second = delta(first, lengths, spans[0])
    return torch.cat((frames, first, second, *others), dim=-1)


class CepstralFrames(nn.Module):
    """Cepstra with their differences.

    Args:
        n_mels: M.
        num_cepstra: C; of the M that a cosine transform gives, the first so many.
        spans: frames on either side that differences are taken over.
    """

    cosines: Tensor
    keeps_mean: Tensor

    def __init__(self, n_mels: int, num_cepstra: int, spans: Sequence[int]) -> None:
        super().__init__()
        self.spans = tuple(spans)
        self.num_cepstra = num_cepstra
        self.width = num_cepstra * (2 + len(self.spans))
        self.register_buffer("cosines", cosines(n_mels, num_cepstra).double(), persistent=False)
        keeps_mean = torch.ones(self.width, dtype=torch.float64)
        keeps_mean[1:num_cepstra] = 0
        self.register_buffer("keeps_mean", keeps_mean, persistent=False)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to (B, T, ``width``), float64."""
        valid = valid_frames(lengths, log_mel.shape[1])
        cepstra = zero_padding(log_mel, valid).double() @ self.cosines
        return with_differences(cepstra, lengths, self.spans)

    def levelled(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return frames whose cepstra, but for the first, have lost their mean over the utterance.

        The mean is the microphone's and the speaker's as much as the emotion's (Atal, JASA 1974); the first cepstrum,
        how loud a frame is, has been set against the utterance before.
        """
        valid = valid_frames(lengths, frames.shape[1]).unsqueeze(-1)
        means = torch.where(valid, frames, 0.0).sum(dim=1, keepdim=True) / lengths[:, None, None]
        return frames - means * (1 - self.keeps_mean)
