"""Waveforms, mixing down and resampling: each an explicit step."""

import numpy as np
import pytest

from magtfnet import AudioPolicyError, EmptyAudioError, InvalidSamplesError, Waveform
from magtfnet.audio import prepare, resample
from magtfnet.config import AudioConfig


def test_integers_are_scaled():
    assert Waveform(np.array([-128, 0, 127], dtype=np.int8), 8_000).samples.tolist() == [-1, 0, 127 / 128]
    assert Waveform(np.array([0, 128, 255], dtype=np.uint8), 8_000).samples.tolist() == [-1, 0, 127 / 128]
    assert Waveform(np.array([-32768, 16384], dtype=np.int16), 8_000).samples.tolist() == [-1, 0.5]
    assert Waveform([0.25, -0.5], 8_000).samples.dtype == np.float32


def test_shape_rate_and_duration():
    waveform = Waveform(np.zeros((2, 8_000)), 16_000)
    assert (waveform.num_channels, waveform.num_samples, waveform.duration) == (2, 8_000, 0.5)
    assert Waveform(np.zeros(4_000), 16_000).duration == 0.25


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((2, 0)), np.float32(1), np.zeros((1, 2, 3))])
def test_shapes_that_are_no_recording(samples):
    with pytest.raises(EmptyAudioError, match=r"found samples of shape .*; give \(S,\) or \(channels, S\)"):
        Waveform(samples, 16_000)


def test_values_that_are_no_recording():
    with pytest.raises(InvalidSamplesError, match="2 samples are NaN or infinite; repair or remove them"):
        Waveform([0.0, np.nan, np.inf], 16_000)
    with pytest.raises(InvalidSamplesError, match="sample rate 0; give a positive rate in Hz"):
        Waveform([0.0], 0)


def test_mixing_down_is_the_configured_policy():
    waveform = Waveform(np.array([[1.0, 0.0], [0.0, 0.5]]), 16_000)
    for policy, expected in (("mean", [0.5, 0.25]), ("first", [1.0, 0.0]), ("second", [0.0, 0.5])):
        assert prepare(waveform, AudioConfig(channels=policy)).samples.tolist() == expected
    with pytest.raises(
        AudioPolicyError, match=r"call\.wav: 2 channels, expected 1; set audio.channels to mean"
    ):
        prepare(waveform, AudioConfig(channels="refuse"), source="call.wav")
    assert prepare(Waveform(np.ones((1, 5)), 16_000), AudioConfig(channels="refuse")).samples.shape == (5,)


def test_resampling_is_the_configured_policy():
    waveform = Waveform(np.zeros(4_800), 48_000)
    assert prepare(waveform, AudioConfig()).num_samples == 1_600
    with pytest.raises(
        AudioPolicyError, match=r"sample rate 48000 Hz, expected 16000 Hz; resample it, or set audio"
    ):
        prepare(waveform, AudioConfig(resampling="refuse"))


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (8_000, 1), (24_414, 3)])
def test_resampling_keeps_a_tone_and_its_length(rate, channels):
    time = np.arange(rate) / rate
    samples = np.tile(np.sin(2 * np.pi * 1_000 * time), (channels, 1))
    done = resample(Waveform(samples, rate), 16_000)
    assert done.sample_rate == 16_000
    assert done.num_samples == pytest.approx(16_000, abs=1)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000)
    for channel in done.samples:
        np.testing.assert_allclose(channel[500:15_500], expected[500:15_500], atol=2e-3)


def test_resampling_has_a_low_pass_filter():
    time = np.arange(48_000) / 48_000
    above = Waveform(np.sin(2 * np.pi * 11_000 * time), 48_000)  # would fold to 5 kHz
    assert np.abs(resample(above, 16_000).samples[1_000:-1_000]).max() < 1e-3


def test_the_right_rate_is_left_alone():
    waveform = Waveform(np.zeros(100), 16_000)
    assert resample(waveform, 16_000) is waveform
