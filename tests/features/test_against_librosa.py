"""The front end against librosa, the paper's own library, on real speech and on signals made to be hard."""

import warnings

import numpy as np
import pytest
import soundfile
import torch

from magtfnet import LogMel, LowLevelDescriptors

RATE = 16_000


@pytest.fixture(scope="module")
def reference():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa's own dependencies warn on import
        from benchmarks import librosa_features

        librosa_features.descriptors(np.ones(4_000, dtype=np.float32))
    return librosa_features


def made_signals():
    rng = np.random.default_rng(7)
    time = np.arange(24_000) / RATE
    return {
        "noise": rng.normal(scale=0.1, size=20_000),
        "quiet noise": rng.normal(scale=1e-6, size=8_000),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "tone between bins": 0.9 * np.sin(2 * np.pi * 3_001.7 * time),
        "click": np.eye(1, 16_000, 8_000)[0],
        "clicks": 0.8 * (np.arange(16_000) % 1_600 == 0),
        "silence": np.zeros(8_000),
        "silence, then noise": np.r_[np.zeros(8_000), rng.normal(scale=0.1, size=8_000)],
        "one transform": rng.normal(scale=0.1, size=512),
    }


def assert_parity(reference, samples):
    """Log-Mel within 1e-3 where the power is above 1e-8; descriptors within 1e-3 relative, roll-off within a bin."""
    waveforms, lengths = torch.from_numpy(samples)[None], torch.tensor([len(samples)])
    power = reference.log_mel_power(samples)
    log_mel = LogMel()(waveforms, lengths)[0][0].numpy()
    assert log_mel.shape == power.shape
    loud = power > 1e-8
    np.testing.assert_allclose(log_mel[loud], np.log(power[loud]), atol=1e-3, rtol=0)
    expected = reference.descriptors(samples)
    found = LowLevelDescriptors()(waveforms, lengths)[0][0].numpy()
    assert found.shape == expected.shape
    rolloff = 4
    others = [k for k in range(12) if k != rolloff]
    # 1e-6: of an amplitude, a share, a frequency in Hz or a contrast in dB; below it there is only rounding
    np.testing.assert_allclose(found[:, others], expected[:, others], rtol=1e-3, atol=1e-6)
    assert np.abs(found[:, rolloff] - expected[:, rolloff]).max() <= RATE / 512


@pytest.mark.parametrize("name", made_signals())
def test_parity_on_made_signals(reference, name):
    assert_parity(reference, made_signals()[name].astype(np.float32).astype(np.float64))


def test_odd_transforms_are_refused():
    from magtfnet import ConfigError, load_config

    for override in ("features.stft.n_fft=511", "features.lld.frame_length=401"):
        with pytest.raises(ConfigError, match="multiple of 2"):
            load_config(None, [override])


@pytest.mark.parametrize("name", ["noise", "quiet noise", "tone", "silence", "one transform"])
def test_parity_in_single_precision(reference, name):
    assert_parity(reference, made_signals()[name].astype(np.float32))


def test_parity_on_emodb(reference, emodb_root):
    for path in sorted((emodb_root / "wav").glob("*.wav"))[::45]:
        assert_parity(reference, soundfile.read(path, dtype="float32")[0])


def test_parity_on_ravdess(reference, ravdess_root):
    for path in sorted(ravdess_root.glob("Actor_*/*.flac"))[::160]:
        assert_parity(reference, soundfile.read(path, dtype="float32")[0].astype(np.float64))
