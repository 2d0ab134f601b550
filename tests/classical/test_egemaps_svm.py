"""openSMILE's functionals: what it is given of a recording, and what is made of what it cannot say."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import stub_opensmile
import torch

from magtfnet import Waveform
from magtfnet.classical import create_classical

RATE = 16_000


@pytest.fixture
def heard(monkeypatch):
    """The samples that openSMILE was given, one array a recording; a stub of it, whose arithmetic is known."""
    monkeypatch.setitem(sys.modules, "opensmile", stub_opensmile.module())
    monkeypatch.setattr(stub_opensmile.Smile, "heard", [])
    return stub_opensmile.Smile.heard


def data(samples):
    """Recordings of two classes, taking turns."""
    waveforms = [Waveform(np.asarray(each, np.float32), RATE) for each in samples]
    return SimpleNamespace(
        recordings=range(len(waveforms)),
        store=SimpleNamespace(waveform=waveforms.__getitem__),
        targets=torch.tensor([number % 2 for number in range(len(waveforms))]),
    )


def noise(count, seed=0):
    """Loud and soft recordings of half a second, taking turns."""
    draw = np.random.default_rng(seed)
    return [(0.02 + 0.2 * (number % 2)) * draw.standard_normal(RATE // 2) for number in range(count)]


@pytest.mark.parametrize("name", ["egemaps_svm", "compare_svm"])
def test_what_lies_above_full_scale_keeps_its_sign(heard, name):
    tone = 1.05 * np.sin(np.arange(RATE) * 2 * np.pi * 200 / RATE)
    system = create_classical(name)
    system.fit(data([*noise(8), tone, -tone]), data(noise(4, seed=1)), 2, seed=0)
    for given, expected in zip(heard[8:10], (tone, -tone), strict=True):
        assert np.abs(given / 32768 - np.clip(expected, -1, 1)).max() < 1e-4


def test_short_recordings_are_filled_up_to_its_longest_frame(heard):
    system = create_classical("egemaps_svm")
    system.fit(data(noise(8)), data(noise(4, seed=1)), 2, seed=0)
    short = noise(1, seed=2)[0][:500]
    system.predict_proba(data([short]))
    assert len(heard[-1]) == 960
    np.testing.assert_array_equal(heard[-1][:500], (short.astype(np.float32) * 32768).astype(np.int16))
    assert not heard[-1][500:].any()


def test_a_functional_without_a_value_is_the_training_parts_mean(heard, monkeypatch):
    system = create_classical("egemaps_svm")
    training = data(noise(8))
    system.fit(training, data(noise(4, seed=1)), 2, seed=0)
    plain = stub_opensmile.Smile.process_signal
    rows = np.concatenate([plain(stub_opensmile.Smile(0, 0), each, RATE).to_numpy() for each in noise(8)])
    answers = []
    for value in (np.nan, np.inf, rows[:, 0].mean()):

        def first_replaced(self, signal, rate, value=value):
            frame = plain(self, signal, rate)
            frame.iloc[0, 0] = value
            return frame

        monkeypatch.setattr(stub_opensmile.Smile, "process_signal", first_replaced)
        answers.append(system.predict_proba(data(noise(2, seed=3))))
    np.testing.assert_allclose(answers[0], answers[2], atol=1e-6)
    np.testing.assert_array_equal(answers[0], answers[1])
