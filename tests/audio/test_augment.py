"""Augmented recordings: what changes, by how much, and what does not."""

import numpy as np
import pytest

from magtfnet import Waveform
from magtfnet.audio.augment import at_speed, with_noise

RATE = 16_000
TONE = Waveform((0.3 * np.sin(2 * np.pi * 400 * np.arange(2 * RATE) / RATE)).astype(np.float32), RATE)


def highest_hz(waveform):
    power = np.abs(np.fft.rfft(waveform.samples * np.hanning(len(waveform.samples))))
    return power.argmax() * RATE / len(waveform.samples)


@pytest.mark.parametrize("factor", [0.8, 0.92, 1.0, 1.17])
def test_speed_moves_pitch_and_length(factor):
    played = at_speed(TONE, factor)
    assert played.sample_rate == RATE
    assert played.num_samples == pytest.approx(2 * RATE / factor, abs=2)
    assert highest_hz(played) == pytest.approx(400 * factor, abs=1)


def test_noise_lies_where_it_should(generator):
    for _ in range(20):
        noisy = with_noise(TONE, generator).samples.astype(float)
        gain = (noisy @ TONE.samples) / (TONE.samples.astype(float) @ TONE.samples)
        assert -10.2 < 20 * np.log10(gain) < 6.2
        rest = noisy - gain * TONE.samples
        ratio = 10 * np.log10(np.mean((gain * TONE.samples) ** 2) / np.mean(rest**2))
        assert 14.5 < ratio < 30.5


def test_the_same_generator_draws_the_same_and_silence_stays():
    first, second = (with_noise(TONE, np.random.default_rng(4)).samples for _ in range(2))
    assert np.array_equal(first, second)
    assert not with_noise(Waveform(np.zeros(100, np.float32), RATE), np.random.default_rng(0)).samples.any()
    assert len(with_noise(Waveform(np.ones(1, np.float32), RATE), np.random.default_rng(0)).samples) == 1
