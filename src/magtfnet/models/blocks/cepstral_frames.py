"""Frames of cepstra, with how they change over shorter and longer spans of time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from magtfnet.models.blocks.cosines import cosines
from magtfnet.models.blocks.delta import delta
from magtfnet.models.masking import valid_frames, zero_padding


class CepstralFrames(nn.Module):
    """Cepstra, their first and second differences over the first span, and first differences over the others.

    Args:
        n_mels: M.
        num_cepstra: C; of the M that a cosine transform gives, the first so many.
        spans: frames on either side that differences are taken over.
    """

    cosines: Tensor

    def __init__(self, n_mels: int, num_cepstra: int, spans: Sequence[int]) -> None:
        super().__init__()
        self.spans = tuple(spans)
        self.num_cepstra = num_cepstra
        self.width = num_cepstra * (2 + len(self.spans))
        self.register_buffer("cosines", cosines(n_mels, num_cepstra).double(), persistent=False)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to (B, T, ``width``), float64."""
        valid = valid_frames(lengths, log_mel.shape[1])
        cepstra = zero_padding(log_mel, valid).double() @ self.cosines
        first, *others = (delta(cepstra, lengths, span) for span in self.spans)
        second = delta(first, lengths, self.spans[0])
        return torch.cat((cepstra, first, second, *others), dim=-1)

    def levelled(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return frames whose cepstra, but for the first, have lost their mean over the utterance.

        The mean is the microphone's and the speaker's as much as the emotion's (Atal, JASA 1974); the first cepstrum,
        how loud a frame is, has been set against the utterance before.
        """
        valid = valid_frames(lengths, frames.shape[1]).unsqueeze(-1)
        means = torch.where(valid, frames, 0.0).sum(dim=1, keepdim=True) / lengths[:, None, None]
        keeps = torch.ones(self.width, dtype=frames.dtype, device=frames.device)
        keeps[1 : self.num_cepstra] = 0
        return frames - means * (1 - keeps)
