"""Convolutions over several scales of time whose kernels are drawn, not learnt.

Dempster, Petitjean, Webb: "ROCKET: exceptionally fast and accurate time series classification using random
convolutional kernels", Data Mining and Knowledge Discovery 2020, for log-Mel frames: each kernel sees a ripple over
some neighbouring bands, and is told by how much of an utterance lies above a threshold. That share is theirs;
here a ramp takes the place of the step, so that the last bits of the arithmetic decide nothing.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from magtfnet.models.masking import valid_frames, zero_padding

WIDEST = 0.3
"""Of the bands, a kernel's standard deviation over them; the narrowest is one band."""
RIPPLE = 1.5
"""In radians a standard deviation, the most that a kernel's ripple turns."""
CENTRED = 0.8
"""Of the kernels, whose taps sum to zero: a steady sound leaves them at rest."""
RAMP = 0.125
"""In standard deviations of an answer: how far below the threshold a frame counts for nothing, and above it whole."""
MIDDLE = (0.1, 0.9)
"""Shares of a kernel's answers below its threshold."""
LEAST_DEVIATION = 1e-6


class RandomConvolutions(nn.Module):
    """Frames to one vector an utterance: how long, and how far, each kernel's answer lies above its threshold.

    Bands and taps are drawn as the module is made; thresholds are set by ``set_thresholds``.

    Args:
        n_mels: M.
        num_kernels: K, as many of each dilation.
        num_taps: of a kernel, odd.
        dilations: frames from one tap to the next.
    """

    def __init__(self, n_mels: int, num_kernels: int, num_taps: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilations = tuple(dilations)
        self.bands = nn.Parameter(_ripples(num_kernels, n_mels))
        taps = torch.randn(num_kernels, num_taps)
        centred = (torch.rand(num_kernels, 1) < CENTRED).to(taps.dtype)
        self.taps = nn.Parameter(taps - centred * taps.mean(dim=1, keepdim=True))
        self.thresholds = nn.Parameter(torch.zeros(num_kernels))
        self.width = 2 * num_kernels

    def answers(self, log_mel: Tensor, lengths: Tensor, scale: int) -> Tensor:
        """Return what the kernels of one dilation answer at each frame, (B, kernels, T), silence lying around.

        Args:
            log_mel: (B, T, M).
            lengths: (B,) real frames; what an answer is beyond them means nothing.
            scale: index of the dilation.
        """
        kernels, dilation = self.kernels_of(scale), self.dilations[scale]
        frames = zero_padding(log_mel, valid_frames(lengths, log_mel.shape[1]))
        seen, taps = self.bands[kernels] @ frames.transpose(1, 2), self.taps[kernels]
        reach = taps.shape[1] // 2 * dilation
        if torch.onnx.is_in_onnx_export():
            return nn.functional.conv1d(
                seen, taps.unsqueeze(1), padding=reach, dilation=dilation, groups=len(taps)
            )
        # the same sum, tap by tap: PyTorch's own takes several times as long where each channel stands by itself
        padded, count = nn.functional.pad(seen, (reach, reach)), seen.shape[2]
        told = padded[..., :count] * taps[:, :1]
        for place in range(1, taps.shape[1]):
            told.addcmul_(padded[..., place * dilation :][..., :count], taps[:, place : place + 1])
        return told

    def kernels_of(self, scale: int) -> slice:
        """Return where the kernels of one dilation stand among all."""
        kernels = len(self.taps) // len(self.dilations)
        return slice(scale * kernels, (scale + 1) * kernels)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames to (B, 2 * K), each scale's shares, then heights."""
        padding = ~valid_frames(lengths, log_mel.shape[1]).unsqueeze(1)
        told = []
        # one scale after another: what all answer at once would fill the memory
        for scale in range(len(self.dilations)):
            least = self.thresholds[self.kernels_of(scale)].unsqueeze(-1)
            above = (self.answers(log_mel, lengths, scale) - least).masked_fill(padding, -RAMP)
            shares = (0.5 / RAMP * above + 0.5).clamp(0.0, 1.0)
            told += [shares.sum(dim=-1), above.clamp_min(0.0).sum(dim=-1)]
        return torch.cat(told, dim=-1) / lengths.unsqueeze(-1)

    @torch.no_grad()
    def set_thresholds(self, scale: int, answers: Tensor, generator: torch.Generator) -> None:
        """Scale the kernels of one dilation so that their answers (kernels, N) deviate by one, and draw thresholds.

        A threshold is one of a kernel's own answers, no extreme one.
        """
        kernels = self.kernels_of(scale)
        deviations = answers.std(dim=1, unbiased=False, keepdim=True).clamp_min(LEAST_DEVIATION)
        lowest, highest = MIDDLE
        places = lowest + (highest - lowest) * torch.rand(len(answers), 1, generator=generator)
        ordered = answers.sort(dim=1).values.gather(1, (places * answers.shape[1]).long())
        self.thresholds[kernels] = (ordered / deviations).squeeze(1)
        self.taps[kernels] /= deviations


def _ripples(count: int, bands: int) -> Tensor:
    """Return weights (count, bands) of length 1: cosines of any phase under a bell of any width, anywhere."""
    centre = bands * torch.rand(count, 1)
    width = torch.exp(torch.rand(count, 1) * math.log(max(1.0, WIDEST * bands)))
    off = (torch.arange(bands) - centre) / width
    turn, phase = RIPPLE * torch.rand(count, 1), 2 * math.pi * torch.rand(count, 1)
    ripples = torch.exp(-0.5 * off.square()) * torch.cos(turn * off + phase)
    return nn.functional.normalize(ripples, dim=1)
