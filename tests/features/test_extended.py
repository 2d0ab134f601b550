"""The extended functionals: statistics, spectral shape and voice against other implementations and known signals."""

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import torch

from magtfnet import Waveform
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.features import FeatureStore, FrontEnd
from magtfnet.features.contour import NOISE, PERCENTILES, STATISTICS, contour_statistics
from magtfnet.features.frames import num_frames
from magtfnet.features.spectral_shape import SPECTRAL_SHAPE, spectral_shape
from magtfnet.features.store import Recording
from magtfnet.features.voice import VOICE, Voice

EXTENDED = FeatureConfig(functionals="extended")
RATE = 16_000


@pytest.fixture(scope="module")
def front_end():
    return FrontEnd(features=EXTENDED)


def statistics_of(column):
    values = contour_statistics(torch.tensor(column)[None, :, None], torch.tensor([len(column)]))[0]
    return dict(zip(STATISTICS, values.tolist(), strict=True))


def test_the_statistics_are_scipys_and_numpys(generator):
    x = generator.normal(size=57).cumsum()
    found = statistics_of(x)
    time = np.linspace(-1, 1, 57)
    line = np.polyfit(time, x, 1)
    expected = {
        "mean": x.mean(),
        "std": x.std(),
        "skewness": scipy.stats.skew(x),
        "kurtosis": scipy.stats.kurtosis(x, fisher=False),
        "slope": line[0],
        "slope_error": (x - np.polyval(line, time)).std(),
        "curvature": np.polyfit(time, x, 2)[0],
        "rising": (np.diff(x) > 0).mean(),
        "change": np.abs(np.diff(x)).mean(),
    }
    for share in PERCENTILES:
        expected[f"percentile_{100 * share:.0f}"] = np.quantile(x, share)
    low, high = np.quantile(x, [0.01, 0.99])
    tenth = 0.1 * (high - low)
    expected["time_of_maximum"] = (time[x > high - tenth - NOISE].mean() + 1) / 2
    expected["time_of_minimum"] = (time[x < low + tenth + NOISE].mean() + 1) / 2
    for level in (25, 50, 75, 90):
        expected[f"time_above_{level}"] = (x > low + level / 100 * (high - low) + NOISE).mean()
    peaks, _ = scipy.signal.find_peaks(x)
    expected["peaks"], expected["peak_height"] = len(peaks) / 57, x[peaks].mean() - x.mean()
    z = (x - x.mean()) / x.std()
    for lag in (1, 4, 10, 20):
        expected[f"autocorrelation_{lag}"] = (z[lag:] * z[:-lag]).sum() / 57
    assert set(expected) == set(STATISTICS)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def test_statistics_of_nothing_and_of_one_frame_are_numbers():
    frames = torch.full((3, 4, 2), 7.0, dtype=torch.float64)
    found = contour_statistics(frames, torch.tensor([0, 1, 4])).unflatten(1, (2, -1))
    assert not found[0].any()
    assert found[1, 0, 0] == found[2, 0, 0] == 7.0
    assert not found[1:, :, STATISTICS.index("std")].any()
    assert found.isfinite().all()


def test_a_tone_has_the_spectral_shape_of_a_tone():
    frequencies = torch.linspace(0, RATE / 2, 257, dtype=torch.float64)
    power = torch.full((1, 3, 257), 1e-8, dtype=torch.float64)
    power[:, :, 64] = 10.0  # 2 kHz
    shape = dict(zip(SPECTRAL_SHAPE, spectral_shape(power, frequencies)[0, 1].tolist(), strict=True))
    assert shape["centroid"] == pytest.approx(2000, abs=0.1)
    assert shape["rolloff_25"] == shape["rolloff_90"] == 2000
    assert shape["spread"] < 2
    assert shape["spectral_entropy"] < 1e-4
    assert shape["share_1000_4000"] == pytest.approx(0, abs=1e-5)
    assert shape["share_250_650"] < -15
    assert shape["alpha_ratio"] < -15
    assert shape["flux"] == 0


def test_slopes_are_those_of_a_straight_spectrum():
    frequencies = torch.linspace(0, RATE / 2, 257, dtype=torch.float64)
    power = torch.exp(3.0 - 1.5 * frequencies / 1000)[None, None]
    shape = dict(zip(SPECTRAL_SHAPE, spectral_shape(power, frequencies)[0, 0].tolist(), strict=True))
    for band in ("0_500", "500_1500", "0_8000"):
        assert shape[f"slope_{band}"] == pytest.approx(-1.5, rel=1e-3)
    assert shape["hammarberg_index"] == pytest.approx(3.0, abs=0.1)  # 2 kHz of 1.5 nepers a kHz


def voice_of(samples):
    waveform = torch.tensor(samples)[None]
    lengths = torch.tensor([len(samples)])
    rms = torch.full((1, int(num_frames(lengths, 160))), 0.1, dtype=torch.float64)
    return [values[0] for values in Voice(RATE, 160)(waveform, lengths, rms)]


@pytest.mark.parametrize("hertz", [70, 110, 220, 330, 510])
def test_the_pitch_of_harmonics_is_theirs(hertz):
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 1 + 4000 // hertz))
    voice, voicing = voice_of(0.1 * buzz)
    inner = slice(5, -5)
    assert voicing[inner, 1].all()
    assert voicing[inner, 0].min() > 0.95
    semitones = 12 * np.log2(hertz / 55)
    np.testing.assert_allclose(voice[inner, VOICE.index("f0")], semitones, atol=0.1)
    assert voice[inner, VOICE.index("jitter")].max() < 1e-3
    # the first harmonic stands 20 log10(2) dB above the second and twice that above the fourth
    assert voice[inner, VOICE.index("h1_h2")].mean() == pytest.approx(2 * np.log(2), abs=0.3)
    assert voice[inner, VOICE.index("h1_h4")].mean() == pytest.approx(2 * np.log(4), abs=0.4)


@pytest.mark.parametrize("hertz", [25, 40, 50])
def test_a_hum_below_all_voices_is_none(hertz):
    hum = 0.1 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    assert voice_of(hum)[1][5:-5, 1].mean() == 0


def test_what_falls_slowly_is_no_high_voice(generator):
    brown = np.cumsum(generator.normal(size=RATE))
    voice, voicing = voice_of(0.1 * brown / np.abs(brown).max())
    voiced = voicing[:, 1].numpy() > 0
    assert voiced.mean() < 0.5
    assert (voice[voiced, VOICE.index("f0")].numpy() > 12 * np.log2(580 / 55)).mean() < 0.1


def test_noise_has_no_voice_and_less_of_it_a_higher_ratio(generator):
    noise = 0.1 * generator.normal(size=RATE)
    assert voice_of(noise)[1][:, 1].mean() < 0.05
    tone = np.sin(2 * np.pi * 150 * np.arange(RATE) / RATE)
    column = VOICE.index("harmonics_to_noise")
    quiet, loud = (voice_of(tone + share * noise)[0][5:-5, column].mean() for share in (0.5, 5))
    assert quiet > loud + 10
    # noise of deviation 0.05 beside a tone of power 0.5 lies 23 dB below it
    assert quiet == pytest.approx(23, abs=2)


def test_silence_has_finite_functionals_and_no_voice(front_end):
    for size in (1, 100, RATE):
        batch = front_end(torch.zeros(1, size), torch.tensor([size]))
        assert batch.functionals.isfinite().all()
        named = dict(zip(front_end.functional_names, batch.functionals[0].tolist(), strict=True))
        assert named["voiced_share"] == named["voiced_f0_mean"] == 0


def test_an_utterance_has_the_same_functionals_in_any_batch(front_end, generator):
    time = np.arange(2 * RATE) / RATE
    waves = torch.tensor(generator.normal(size=(3, 2 * RATE)), dtype=torch.float32) * 0.02
    waves[1] += torch.tensor(np.sin(2 * np.pi * 180 * time), dtype=torch.float32)
    lengths = torch.tensor([2 * RATE, 21_001, 9_000])
    together = front_end(waves, lengths).functionals
    assert together.shape == (3, len(front_end.functional_names))
    assert len(set(front_end.functional_names)) == 26 * 121 + 3
    for one, length, expected in zip(waves, lengths, together, strict=True):
        alone = front_end(one[None, :length], length[None]).functionals[0]
        np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-4)


def test_descriptors_are_what_functionals_tell_of(front_end, generator):
    time = np.arange(RATE) / RATE
    waves = torch.tensor(generator.normal(size=(2, RATE)), dtype=torch.float32) * 0.02
    waves[0] += torch.tensor(np.sin(2 * np.pi * 180 * time), dtype=torch.float32)
    batch = front_end(waves, torch.tensor([RATE, 9_000]))
    assert batch.lld.shape == (2, 101, len(front_end.descriptor_names)) == (2, 101, 45)
    for one, functionals, length in zip(batch.lld, batch.functionals, batch.lengths.tolist(), strict=True):
        named = dict(zip(front_end.functional_names, functionals.tolist(), strict=True))
        frames = dict(zip(front_end.descriptor_names, one[:length].T.numpy(), strict=True))
        for name in ("mfcc_1", "centroid", "loudness", "periodicity"):
            assert frames[name].mean() == pytest.approx(named[f"{name}_mean"], rel=1e-4, abs=1e-5), name
            assert frames[name].std() == pytest.approx(named[f"{name}_std"], rel=1e-3, abs=1e-5), name
        voiced = frames["voiced"] > 0.5
        assert voiced.mean() == pytest.approx(named["voiced_share"])
        if voiced.any():
            assert frames["f0"][voiced].mean() == pytest.approx(named["voiced_f0_mean"], rel=1e-4)
        assert not one[length:].any()


def test_louder_speech_changes_levels_but_no_shape(front_end, generator):
    time = np.arange(RATE) / RATE
    sound = np.sin(2 * np.pi * 200 * time) * np.hanning(RATE) + 0.01 * generator.normal(size=RATE)
    waves = torch.tensor(np.stack((0.05 * sound, 0.5 * sound)), dtype=torch.float32)
    batch = front_end(waves, torch.tensor([RATE, RATE]))
    quiet, loud = (
        dict(zip(front_end.functional_names, row.tolist(), strict=True)) for row in batch.functionals
    )
    assert loud["log_rms_mean"] - quiet["log_rms_mean"] == pytest.approx(np.log(10), abs=1e-2)
    for name in ("centroid_mean", "voiced_f0_mean", "voiced_harmonics_to_noise_std", "voiced_share"):
        assert loud[name] == pytest.approx(quiet[name], rel=1e-3), name


def test_the_store_keeps_them_and_mends_a_torn_row(tmp_path, generator, front_end):
    import soundfile

    recordings = []
    for i in range(4):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, 0.1 * generator.normal(size=2_000 + 700 * i), RATE)
        recordings.append(Recording(path))
    store = FeatureStore(tmp_path / "cache", AudioConfig(), EXTENDED)
    store.extract(recordings[::-1])
    expected = store.batch(recordings).functionals
    assert store.batch(recordings).lld.shape[2] == len(front_end.descriptor_names) == 45
    assert expected.shape == (4, len(front_end.functional_names))
    assert len({tuple(row.tolist()) for row in expected}) == 4
    file = store.folder / "functionals.f32"
    file.write_bytes(file.read_bytes()[:-5])
    fresh = FeatureStore(tmp_path / "cache", AudioConfig(), EXTENDED)
    fresh.extract(recordings)
    assert torch.equal(fresh.batch(recordings).functionals, expected)
    assert file.stat().st_size == 4 * expected.numel()
    plain = FeatureStore(tmp_path / "cache", AudioConfig(), FeatureConfig())
    assert plain.folder != store.folder


def test_the_pitch_is_opensmiles_where_both_hear_a_voice(corpora):
    opensmile = pytest.importorskip("opensmile", reason="openSMILE is not installed")
    import soundfile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    files = sorted((corpora / "emodb").rglob("*.wav"))[::60]
    apart, both = [], 0
    for file in files:
        samples, _ = soundfile.read(file)
        theirs = smile.process_signal(samples.astype(np.float32), RATE)["F0semitoneFrom27.5Hz_sma3nz"]
        voice, voicing = voice_of(samples)
        count = min(len(theirs), len(voice))
        # openSMILE's first frame begins at the first sample, ours is centred on it; its window lasts 60 ms
        shifted = slice(3, 3 + count - 3)
        mine, their = voice[shifted, 0].numpy(), theirs.to_numpy()[: count - 3]
        spoken = (voicing[shifted, 1].numpy() > 0) & (their > 0)
        apart += np.abs(mine[spoken] + 12 - their[spoken]).tolist()
        both += spoken.sum()
    assert both > 500
    assert np.median(apart) < 0.3  # semitones
    assert (np.array(apart) < 1).mean() > 0.9


def test_voice_quality_ranks_as_opensmiles_does(corpora, front_end):
    """Ours are of frames, openSMILE's of cycles: ranks, not values."""
    opensmile = pytest.importorskip("opensmile", reason="openSMILE is not installed")
    import soundfile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    theirs_of = {
        "harmonics_to_noise": "HNRdBACF_sma3nz",
        "h1_a3": "logRelF0-H1-A3_sma3nz",
        "jitter": "jitterLocal_sma3nz",
        "shimmer": "shimmerLocaldB_sma3nz",
    }
    names = list(front_end.descriptor_names)
    frames = {name: [] for name in theirs_of}
    medians = {name: [] for name in theirs_of}
    for file in sorted((corpora / "emodb").rglob("*.wav"))[::20]:
        samples, _ = soundfile.read(file, dtype="float32")
        told = smile.process_signal(samples, RATE)
        mine = front_end.extract(Waveform(samples, RATE)).lld[0].numpy()[3:]  # see the test above
        count = min(len(told), len(mine))
        mine, told = mine[:count], told.iloc[:count]
        spoken = (told["F0semitoneFrom27.5Hz_sma3nz"] > 0) & (mine[:, names.index("voiced")] > 0)
        for name, their in theirs_of.items():
            known = spoken & (told[their] != 0)
            pairs = np.stack((mine[known, names.index(name)], told[their][known]), axis=1)
            frames[name].append(pairs)
            medians[name].append(np.median(pairs, axis=0))
    for name, least in {"harmonics_to_noise": 0.75, "h1_a3": 0.7}.items():
        assert scipy.stats.spearmanr(*np.concatenate(frames[name]).T).statistic > least, name
    for name, least in {"h1_a3": 0.8, "jitter": 0.4, "shimmer": 0.4}.items():
        assert scipy.stats.spearmanr(*np.stack(medians[name]).T).statistic > least, name
