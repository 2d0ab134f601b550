"""Random convolutions beside their sums written out; thresholds inside the answers; nothing heard of the padding."""

import math

import pytest
import torch

from magtfnet.models.blocks.random_convolutions import RAMP, RandomConvolutions

DILATIONS = (1, 3)


@pytest.fixture
def block():
    torch.manual_seed(0)
    block = RandomConvolutions(n_mels=6, num_kernels=8, num_taps=5, dilations=DILATIONS)
    with torch.no_grad():
        block.thresholds.uniform_(-1, 1)
    return block


def written_out(block, frames):
    """Shares and heights of each kernel of one utterance (T, M), frame by frame and tap by tap."""
    shares, heights = [], []
    for k in range(8):
        bands, taps, least = (weights[k].tolist() for weights in (block.bands, block.taps, block.thresholds))
        dilation, share, height = DILATIONS[k // 4], 0.0, 0.0
        for t in range(len(frames)):
            answer = -least
            for place, tap in enumerate(taps):
                at = t + (place - 2) * dilation
                if 0 <= at < len(frames):
                    answer += tap * sum(b * x for b, x in zip(bands, frames[at].tolist(), strict=True))
            share += min(1.0, max(0.0, (answer + RAMP) / (2 * RAMP)))
            height += max(0.0, answer)
        shares.append(share / len(frames))
        heights.append(height / len(frames))
    return [*shares[:4], *heights[:4], *shares[4:], *heights[4:]]


def test_they_are_the_sums(block):
    log_mel, lengths = torch.randn(2, 13, 6), torch.tensor([13, 4])
    found = block(log_mel, lengths).detach()
    assert found.shape == (2, block.width)
    for i, length in enumerate(lengths.tolist()):
        expected = torch.tensor(written_out(block, log_mel[i, :length]))
        torch.testing.assert_close(found[i], expected, atol=1e-5, rtol=1e-4)


def test_padding_is_not_heard(block):
    log_mel = torch.randn(1, 9, 6)
    padded = torch.cat((log_mel, torch.full((1, 30, 6), math.nan)), dim=1)
    torch.testing.assert_close(block(padded, torch.tensor([9])), block(log_mel, torch.tensor([9])))


def test_most_kernels_are_at_rest_in_a_steady_sound():
    torch.manual_seed(1)
    block = RandomConvolutions(n_mels=6, num_kernels=400, num_taps=5, dilations=(1,))
    steady = torch.ones(1, 40, 6) * torch.randn(6)
    inside = block.answers(steady, torch.tensor([40]), 0)[0, :, 10:30]
    at_rest = (inside.abs() < 1e-5).all(dim=1).float().mean()
    assert 0.7 < at_rest < 0.9


def test_bands_are_ripples_of_length_one_here_and_there():
    torch.manual_seed(2)
    bands = RandomConvolutions(n_mels=40, num_kernels=1_000, num_taps=3, dilations=(1,)).bands
    torch.testing.assert_close(bands.norm(dim=1), torch.ones(1_000))
    loudest = bands.abs().argmax(dim=1)
    assert len(loudest.unique()) > 30


def test_thresholds_lie_inside_the_answers_which_deviate_by_one(block):
    log_mel, lengths = torch.randn(1, 500, 6), torch.tensor([500])
    for scale in range(2):
        told = block.answers(log_mel, lengths, scale)[0].detach()
        block.set_thresholds(scale, told, torch.Generator().manual_seed(0))
    for scale in range(2):
        answers = block.answers(log_mel, lengths, scale)[0]
        torch.testing.assert_close(answers.std(dim=1, unbiased=False), torch.ones(4), atol=1e-3, rtol=1e-3)
        below = (answers < block.thresholds[block.kernels_of(scale)].unsqueeze(1)).float().mean(dim=1)
        assert ((below > 0.09) & (below < 0.91)).all()
    assert block.thresholds.unique().numel() == 8


def test_silence_is_no_division_by_zero(block):
    silent = torch.zeros(4, 10)
    block.set_thresholds(0, silent, torch.Generator().manual_seed(0))
    assert block(torch.randn(1, 5, 6), torch.tensor([5])).isfinite().all()
