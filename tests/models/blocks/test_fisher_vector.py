"""Fisher vectors beside the formula written out, over frames whose mixture scikit-learn fitted."""

import math

import numpy as np
import pytest
import torch
from scipy.fft import dct
from sklearn.mixture import GaussianMixture

from magtfnet import ConfigError, create_model
from magtfnet.models.blocks.cepstral_frames import CepstralFrames
from magtfnet.models.blocks.fisher_vector import FisherVectors


@pytest.fixture
def fisher():
    torch.manual_seed(0)
    block = FisherVectors(num_inputs=9, num_features=4, num_components=3)
    with torch.no_grad():
        block.log_variances.uniform_(-1, 1)
        block.log_weights.uniform_(-1, 1)
        block.centre.uniform_(-1, 1)
    return block


def written_out(block, frames):
    """The gradient of a mixture's likelihood with respect to means and deviations, frame by frame."""
    frames = (frames - block.centre.detach().numpy()) @ block.whitening.detach().numpy()
    means = block.means.detach().numpy().astype(float)
    deviations = np.exp(0.5 * block.log_variances.detach().numpy().astype(float))
    weights = np.exp(block.log_weights.detach().numpy().astype(float))
    weights /= weights.sum()
    off, spread = np.zeros_like(means), np.zeros_like(means)
    for frame in frames:
        densities = [
            weight * math.exp(-0.5 * (((frame - mean) / deviation) ** 2).sum()) / deviation.prod()
            for weight, mean, deviation in zip(weights, means, deviations, strict=True)
        ]
        for g, density in enumerate(densities):
            share, z = density / sum(densities), (frame - means[g]) / deviations[g]
            off[g] += share * z / math.sqrt(weights[g])
            spread[g] += share * (z**2 - 1) / math.sqrt(2 * weights[g])
    told = np.concatenate((off.ravel(), spread.ravel())) / len(frames)
    rooted = np.sign(told) * np.sqrt(np.abs(told))
    return rooted / np.linalg.norm(rooted)


def test_it_is_the_formula(fisher):
    frames, lengths = torch.randn(2, 11, 9).double(), torch.tensor([11, 5])
    found = fisher(frames, lengths).detach().numpy()
    for i, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(found[i], written_out(fisher, frames[i, :length].numpy()), atol=1e-6)


def test_shares_are_those_of_scikit_learn(fisher):
    frames = np.random.default_rng(0).normal(size=(200, 4)) * [1, 2, 3, 0.5]
    mixture = GaussianMixture(3, covariance_type="diag", random_state=0).fit(frames)
    found = fisher._log_densities(
        torch.from_numpy(frames),
        *(torch.from_numpy(v) for v in (mixture.means_, mixture.covariances_, mixture.weights_)),
    )
    np.testing.assert_allclose(found.softmax(dim=-1), mixture.predict_proba(frames), atol=1e-9)


def test_frames_are_cepstra_and_their_differences():
    block = CepstralFrames(n_mels=6, num_cepstra=3, spans=(2,))
    log_mel = torch.randn(1, 12, 6)
    frames = block(log_mel, torch.tensor([12]))[0].numpy()
    cepstra = dct(log_mel[0].numpy(), type=2, norm="ortho", axis=1)[:, :3]
    np.testing.assert_allclose(frames[:, :3], cepstra, atol=1e-5)
    slope = np.arange(12.0)[:, None] * [[1.0, -2.0, 0.5]]
    steady = torch.from_numpy(slope @ block.cosines.numpy().T).float()[None]
    differences = block(steady, torch.tensor([12]))[0, 4:8].numpy()
    np.testing.assert_allclose(differences[:, 3:6], np.tile([1.0, -2.0, 0.5], (4, 1)), atol=1e-5)
    np.testing.assert_allclose(differences[:, 6:], 0.0, atol=1e-5)


def test_differences_over_a_longer_span_stand_behind():
    log_mel, lengths = torch.randn(1, 20, 6), torch.tensor([20])
    short, long, both = (CepstralFrames(6, 3, spans) for spans in ((2,), (7,), (2, 7)))
    assert (short.width, both.width) == (9, 12)
    torch.testing.assert_close(both(log_mel, lengths)[..., :9], short(log_mel, lengths))
    torch.testing.assert_close(both(log_mel, lengths)[..., 9:], long(log_mel, lengths)[..., 3:6])


def test_levelled_frames_have_no_mean_cepstra_but_the_first():
    block, lengths = CepstralFrames(6, 3, (2, 4)), torch.tensor([9, 5])
    frames = block(torch.randn(2, 9, 6), lengths)
    levelled = block.levelled(frames, lengths)
    for place, length in enumerate(lengths.tolist()):
        mean = frames[place, :length].mean(dim=0)
        expected = frames[place, :length].clone()
        expected[:, 1:3] -= mean[1:3]
        torch.testing.assert_close(levelled[place, :length], expected)


def test_a_filter_changes_nothing_in_the_levelled_vector():
    """A microphone adds the same to each frame of the log-Mel spectrogram; frames are of one loudness here."""
    torch.manual_seed(0)
    model = create_model(
        "fisher_discriminant",
        num_classes=2,
        n_mels=6,
        num_cepstra=3,
        num_features=4,
        num_components=3,
        streams=("cepstra", "levelled"),
    )
    log_mel, lld, lengths = torch.randn(1, 15, 6), torch.zeros(1, 15, 12), torch.tensor([15])
    filtered = log_mel + torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0])  # no change of the first cepstrum
    before, after = (
        model.vectors(x, lld, lengths)[0, : model.fisher_width].chunk(2) for x in (log_mel, filtered)
    )
    assert not torch.allclose(before[0], after[0], atol=1e-3)
    torch.testing.assert_close(before[1], after[1], atol=1e-5, rtol=1e-4)


def test_how_long_an_utterance_is_does_not_matter_only_what_is_in_it(fisher):
    once = torch.randn(1, 1, 9).double()
    found = [fisher(once.expand(1, count, 9), torch.tensor([count])) for count in (1, 7)]
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_mels": 8}, "num_cepstra 20 must be at most the 8 bands, and num_features 50 at most 80"),
        (
            {"num_kernels": 12},
            "num_kernels 12 must be a multiple of the number of dilations, 5, and num_taps 9 odd",
        ),
        ({"num_taps": 4}, "and num_taps 4 odd; change one of them"),
        (
            {"fisher_share": 0.8},
            r"fisher_share 0\.8 and convolutions_share 0\.3 must leave something to functionals",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        create_model("fisher_discriminant", num_classes=2, **values)
