"""What every feature must do: declared sizes, the same numbers in any batch, finite whatever the recording."""

import numpy as np
import pytest
import torch

from magtfnet import AudioPolicyError, ConfigError, LogMel, LowLevelDescriptors, Waveform
from magtfnet.config import LldConfig, LogMelConfig
from magtfnet.features import FrontEnd

FEATURES = {"log_mel": (LogMel, 40), "lld": (LowLevelDescriptors, 12)}


@pytest.fixture(params=FEATURES)
def feature(request):
    kind, width = FEATURES[request.param]
    return kind(), width


@pytest.mark.parametrize("samples", [1, 159, 160, 400, 511, 512, 16_000])
def test_frame_count_and_width_are_as_declared(feature, samples, generator):
    module, width = feature
    frames, lengths = module(torch.from_numpy(generator.normal(size=(1, samples))), torch.tensor([samples]))
    assert frames.shape == (1, 1 + samples // 160, width)
    assert lengths.tolist() == [1 + samples // 160]
    assert frames.dtype == torch.float32


@pytest.mark.parametrize("padding", [0.0, 5.0, float("nan")])
def test_the_same_alone_and_in_a_padded_batch(feature, padding, generator):
    module, _ = feature
    sizes = [400, 5_000, 16_007, 16_160]
    waveforms = torch.full((4, 17_000), padding, dtype=torch.float32)
    for i, size in enumerate(sizes):
        waveforms[i, :size] = torch.from_numpy(generator.normal(scale=0.1, size=size))
    together, counts = module(waveforms, torch.tensor(sizes))
    for i, size in enumerate(sizes):
        alone, count = module(waveforms[i : i + 1, :size], torch.tensor([size]))
        assert count.item() == counts[i].item()
        torch.testing.assert_close(together[i, : counts[i]], alone[0], atol=1e-6, rtol=1e-6)
        assert not together[i, counts[i] :].any()  # zero behind the utterance


@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0])
def test_silence_and_a_constant_are_finite(feature, level):
    module, _ = feature
    frames, _ = module(torch.full((1, 4_000), level), torch.tensor([4_000]))
    assert frames.isfinite().all()


def test_the_front_end_refuses_another_rate_and_channels(generator):
    samples = generator.normal(size=8_000).astype(np.float32)
    with pytest.raises(
        AudioPolicyError, match="1 channels at 8000 Hz, expected mono at 16000 Hz; prepare it first"
    ):
        FrontEnd().extract(Waveform(samples, 8_000))
    with pytest.raises(AudioPolicyError, match="2 channels at 16000 Hz"):
        FrontEnd().extract(Waveform(np.stack([samples, samples]), 16_000))


def test_the_front_end_names_what_it_computes(generator):
    batch = FrontEnd().extract(Waveform(generator.normal(size=8_000), 16_000))
    assert batch.log_mel.shape == (1, 51, 40)
    assert batch.lld.shape == (1, 51, 12)
    assert batch.functionals.shape == (1, 24)
    names = FrontEnd().functional_names
    assert len(names) == 24
    assert names[0] == "rms_mean"
    assert names[12] == "rms_std"


def test_bands_beyond_half_the_rate_are_refused():
    with pytest.raises(
        ConfigError, match=r"mel bands from 0 to 8000 Hz at 8000 Hz; set features.log_mel.f_max"
    ):
        LogMel(LogMelConfig(), sample_rate=8_000)
    with pytest.raises(ConfigError, match=r"contrast band from 12800 Hz begins beyond 8000 Hz"):
        LowLevelDescriptors(LldConfig(contrast_f_min=400))
