"""Functionals and standardisation with numbers worked out by hand."""

import pytest
import torch

from magtfnet.features import FeatureBatch, Standardizer, functionals


def batch(log_mel, lengths):
    log_mel = torch.tensor(log_mel, dtype=torch.float32)
    lengths = torch.tensor(lengths)
    return FeatureBatch(log_mel, log_mel * 2, log_mel[:, 0] + 5, lengths)


def test_functionals_by_hand():
    frames = torch.tensor([[[1.0, 10.0], [3.0, 10.0], [99.0, 99.0]], [[4.0, -1.0], [0.0, 0.0], [8.0, 1.0]]])
    found = functionals(frames, torch.tensor([2, 3]), ("mean", "std", "min", "max", "range"))
    assert found[0].tolist() == [2, 10, 1, 0, 1, 10, 3, 10, 2, 0]
    third = (32 / 3) ** 0.5, (2 / 3) ** 0.5
    expected = [4, 0, *third, 0, -1, 8, 1, 8, 2]
    assert found[1].tolist() == pytest.approx(expected, rel=1e-6)


def test_one_frame_has_no_deviation():
    assert functionals(torch.tensor([[[7.0]]]), torch.tensor([1])).tolist() == [[7, 0]]


def test_statistics_are_of_real_frames_only():
    first = batch([[[1.0], [3.0], [100.0]]], [2])
    second = batch([[[5.0], [7.0], [9.0]]], [3])
    standardizer = Standardizer(1, 1, 1).fit([first, second])
    assert standardizer.get_buffer("log_mel_mean").item() == 5  # of 1, 3, 5, 7, 9
    assert standardizer.get_buffer("log_mel_std").item() == pytest.approx(8**0.5)
    assert standardizer.get_buffer("lld_mean").item() == 10
    assert standardizer.get_buffer("functionals_mean").item() == 8  # of 6 and 10
    done = standardizer(first)
    assert done.log_mel[0, :, 0].tolist() == pytest.approx(
        [-4 / 8**0.5, -2 / 8**0.5, 0.0]
    )  # padding stays zero
    assert done.functionals.tolist() == [[-1.0]]


def test_statistics_do_not_depend_on_how_the_data_come():
    torch.manual_seed(0)
    frames = torch.randn(6, 50, 3) + 1e4  # far from zero: the naive sum of squares would lose it
    lengths = torch.full((6,), 50)
    whole = FeatureBatch(frames, frames, frames[:, 0], lengths)
    pieces = [
        FeatureBatch(frames[i : i + 2], frames[i : i + 2], frames[i : i + 2, 0], lengths[:2])
        for i in (0, 2, 4)
    ]
    one, three = Standardizer(3, 3, 3).fit([whole]), Standardizer(3, 3, 3).fit(pieces)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(three.state_dict()[name], value, rtol=1e-6, atol=1e-6)
    expected = frames.flatten(0, 1).double().std(dim=0, correction=0).float()
    torch.testing.assert_close(one.get_buffer("log_mel_std"), expected)


def test_a_constant_feature_is_only_centred():
    standardizer = Standardizer(1, 1, 1).fit([batch([[[4.0], [4.0]]], [2])])
    assert standardizer(batch([[[5.0], [4.0]]], [2])).log_mel[0, 0].item() == 1.0


def test_as_made_it_changes_nothing():
    plain = batch([[[1.0], [2.0]]], [2])
    done = Standardizer(1, 1, 1)(plain)
    assert torch.equal(done.log_mel, plain.log_mel)
    assert torch.equal(done.functionals, plain.functionals)
