"""Augmented recordings: what changes, by how much, and what does not."""

import json

import numpy as np
import pytest

from magtfnet import Waveform
from magtfnet.audio.augment import (
    CHANGES,
    at_speed,
    by_telephone,
    excerpt,
    in_a_room,
    with_noise,
    without_a_band,
)
from magtfnet.config import load_config

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


def within(waveform, low, high):
    power = np.abs(np.fft.rfft(waveform.samples.astype(float))) ** 2
    hertz = np.fft.rfftfreq(waveform.num_samples, 1 / waveform.sample_rate)
    return power[(hertz >= low) & (hertz < high)].sum() / power.sum()


@pytest.fixture
def hiss(generator):
    return Waveform((0.1 * generator.standard_normal(2 * RATE)).astype(np.float32), RATE)


def test_a_room_goes_on_after_the_sound_and_keeps_length_and_power(generator):
    burst = np.zeros(2 * RATE, np.float32)
    burst[1000:2000] = TONE.samples[:1000]
    heard = in_a_room(Waveform(burst, RATE), generator)
    assert heard.num_samples == len(burst)
    assert np.mean(heard.samples.astype(float) ** 2) == pytest.approx(
        np.mean(burst.astype(float) ** 2), rel=1e-3
    )
    assert np.abs(heard.samples[:1000]).max() < 1e-6  # nothing before the sound
    tail = [np.mean(heard.samples[start : start + 1000].astype(float) ** 2) for start in (2000, 4000, 8000)]
    assert tail[0] > 5 * tail[1] > 5 * 5 * tail[2] > 0


def test_a_telephone_passes_its_band_in_coarse_steps(hiss):
    heard = by_telephone(hiss)
    assert within(hiss, 300, 3400) < 0.5
    assert within(heard, 290, 3410) > 0.99
    assert len(np.unique(heard.samples)) <= 255
    passed = by_telephone(TONE).samples.astype(float)
    assert (
        20 < 10 * np.log10(np.mean(passed**2) / np.mean((passed - TONE.samples) ** 2)) < 45
    )  # mu-law's noise


def test_one_band_is_missing_and_the_rest_is_as_it_was(hiss, generator):
    before = np.fft.rfft(hiss.samples.astype(float))
    for _ in range(10):
        after = np.fft.rfft(without_a_band(hiss, generator).samples.astype(float))
        gone = np.flatnonzero(np.abs(after) < 1e-3 * np.abs(before))
        mel = 2595 * np.log10(1 + gone * (RATE / 2 / (len(before) - 1)) / 700)
        highest = 2595 * np.log10(1 + RATE / 2 / 700)
        assert 0.09 < (mel[-1] - mel[0]) / highest < 0.28
        rest = np.setdiff1d(np.arange(len(before)), np.arange(gone[0], gone[-1] + 1))
        assert np.allclose(after[rest], before[rest], atol=1e-3)


@pytest.mark.parametrize(("seconds", "shortest"), [(2.0, 1.0), (0.3, 0.25), (0.1, 0.1)])
def test_an_excerpt_is_a_piece_of_the_recording(seconds, shortest, generator):
    ramp = Waveform(np.arange(round(seconds * RATE), dtype=np.float32) / RATE, RATE)
    for _ in range(20):
        piece = excerpt(ramp, generator).samples
        assert shortest * RATE - 1 <= len(piece) <= max(0.9 * seconds, shortest) * RATE + 1
        assert np.isin(piece, ramp.samples).all()
        assert np.allclose(np.diff(piece), 1 / RATE, atol=1e-6)


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_takes_silence_and_one_sample_and_repeats_itself(name, hiss):
    change = CHANGES[name]
    first, second = (change(hiss, np.random.default_rng(4)).samples for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, hiss.samples)
    assert not change(Waveform(np.zeros(100, np.float32), RATE), np.random.default_rng(0)).samples.any()
    one = change(Waveform(np.full(1, 0.5, np.float32), RATE), np.random.default_rng(0))
    assert one.num_samples == 1
    assert np.isfinite(one.samples).all()


def test_the_configuration_knows_every_change():
    load_config(overrides=[f"training.copies={json.dumps(list(CHANGES))}"])
