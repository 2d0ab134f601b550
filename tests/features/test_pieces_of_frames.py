"""Spectra are taken of few frames at a time: the same numbers, and no transform grows with the recording."""

import pytest
import torch

from magtfnet.audio import Waveform
from magtfnet.config import FeatureConfig
from magtfnet.features import FrontEnd, frames
from magtfnet.features.frames import ascending

RATE = 16_000


@pytest.fixture
def transformed(monkeypatch):
    """Return a list that each Fourier transform adds its number of frames to."""
    counts = []
    transform = torch.fft.rfft

    def counted(values, **options):
        counts.append(values.shape[:-1].numel())
        return transform(values, **options)

    monkeypatch.setattr(torch.fft, "rfft", counted)
    return counts


def waveform(generator, seconds):
    return Waveform(generator.normal(scale=0.1, size=int(seconds * RATE)).astype("float32"), RATE)


def test_no_transform_sees_more_frames_of_a_longer_recording(generator, transformed):
    front_end = FrontEnd(features=FeatureConfig(functionals="extended"))
    highest = []
    for seconds in (2, 20):
        transformed.clear()
        front_end.extract(waveform(generator, seconds))
        highest.append(max(transformed))
    assert highest[0] == highest[1] == frames.FRAMES_AT_ONCE


def test_a_batch_is_cut_so_that_it_has_no_more_frames_at_once(generator, transformed):
    front_end = FrontEnd()
    transformed.clear()
    front_end(torch.from_numpy(generator.normal(size=(8, RATE))).float(), torch.full((8,), RATE))
    assert max(transformed) == frames.FRAMES_AT_ONCE


def test_pieces_change_nothing(generator, monkeypatch):
    heard = waveform(generator, 1.7)
    front_end = FrontEnd(features=FeatureConfig(functionals="extended"))
    in_pieces = front_end.extract(heard)
    monkeypatch.setattr(frames, "FRAMES_AT_ONCE", 10**9)
    whole = front_end.extract(heard)
    for part in ("log_mel", "lld", "functionals"):
        torch.testing.assert_close(getattr(in_pieces, part), getattr(whole, part), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2])
def test_sorted_as_pytorch_sorts(generator, dim):
    values = torch.from_numpy(generator.normal(size=(3, 17, 9)))
    values[0, 3:] = torch.inf
    assert torch.equal(ascending(values, dim), values.sort(dim=dim).values)
    assert torch.equal(ascending(values.requires_grad_(), dim), values.sort(dim=dim).values)
