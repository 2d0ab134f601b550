"""A Fisher discriminant is solved for: as scikit-learn's is, on a corpus that can be learnt, with a class missing."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from magtfnet import ConfigError, load_config, protocols
from magtfnet.experiments.preparation import DevelopmentParts, part_data, prepare_training
from magtfnet.experiments.training_run import learn
from magtfnet.models.fisher_discriminant import FisherDiscriminantConfig
from magtfnet.recognizer.bundle import build
from magtfnet.training import fit
from magtfnet.training.fisher_discriminant import (
    ABSENT,
    NEVER,
    TEMPERATURES,
    _discriminant,
    held_out,
    linear_discriminant,
    strangers,
    temperature,
)
from magtfnet.training.seeding import seeded

CONFIG = load_config(
    overrides=[
        "model.name=fisher_discriminant",
        "model.num_components=4",
        "model.num_kernels=20",
        'training.copies=["noise"]',
    ]
)


@pytest.fixture(scope="module")
def prepared(synthetic, tmp_path_factory):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    return split, prepare_training(synthetic, synthetic, CONFIG, cache=tmp_path_factory.mktemp("features"))


def solved(prepared, corpus, seed=0):
    split, store = prepared
    with seeded(seed):
        model, standardizer = build(len(corpus.labels), CONFIG.audio, CONFIG.features, CONFIG.model)
    parts = DevelopmentParts(store, split.train, split.validation, corpus.labels)
    rows = []
    result = learn(
        model, standardizer, parts, CONFIG, seed=seed, device=torch.device("cpu"), on_epoch=rows.append
    )
    assert rows == result.history
    return model, standardizer, result


def test_it_learns_and_has_one_row_of_history(prepared, synthetic):
    _, _, result = solved(prepared, synthetic)
    (row,) = result.history
    assert (result.best_epoch, row["epoch"]) == (1, 1)
    assert row["validation_WA"] >= 0.9
    assert 0 < row["temperature"] != 1
    assert row["train_loss"] < 1.5 * np.log(len(synthetic.labels)), "sure, but not beyond all measure"
    assert not any(value.requires_grad for value in result.best_weights.values())


def test_what_nothing_here_solves_for_is_not_trained_in_epochs_instead(prepared, synthetic):
    class Other(torch.nn.Module):
        solved = True

    split, store = prepared
    data = part_data(store, split.train, synthetic.labels)
    with pytest.raises(TypeError, match="Other is to be solved for, and nothing here knows how"):
        fit(Other(), None, data, data, CONFIG.training, seed=0, device=torch.device("cpu"))


def test_the_seed_decides(prepared, synthetic):
    first, again, other = (solved(prepared, synthetic, seed)[0] for seed in (0, 0, 1))
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name in first.fisher:
        assert not torch.equal(first.fisher[name].means, other.fisher[name].means), name
    assert not torch.equal(first.convolutions.thresholds, other.convolutions.thresholds)


def test_what_is_classified_is_standardised_and_weighed(prepared, synthetic):
    model, standardizer, _ = solved(prepared, synthetic)
    split, store = prepared
    told = []
    for copy in part_data(store, split.train, synthetic.labels, CONFIG.training.copies).copies():
        batch = standardizer(copy.batch(range(len(copy)))[0])
        with torch.no_grad():
            told.append(
                model.weighed(model.vectors(batch.log_mel, batch.lld, batch.lengths), batch.functionals)
            )
    config = model.config
    shares = (
        config.fisher_share,
        config.convolutions_share,
        1 - config.fisher_share - config.convolutions_share,
    )
    parts = torch.cat(told).split([model.fisher_width, model.convolutions.width, 24], dim=1)
    plain = parts[2][: len(split.train)]
    for part, share in zip((*parts[:2], plain), shares, strict=True):
        assert part.square().sum(dim=1).mean() == pytest.approx(share, rel=0.1), "but for what was cut off"


def test_the_discriminant_is_scikit_learns():
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 3, 90)
    vectors = generator.normal(size=(90, 8)) + 0.5 * classes[:, None] * generator.normal(size=8)
    balanced = np.concatenate([np.flatnonzero(classes == k)[:20] for k in range(3)])
    vectors, classes = vectors[balanced], classes[balanced]
    config = FisherDiscriminantConfig(num_classes=3, shrinkage=0.3)
    weight, bias = linear_discriminant(vectors, classes, config)
    scaled = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=_Shrunk(0.3)).fit(
        vectors, classes
    )
    expected = scaled.decision_function(vectors)
    found = vectors @ weight.T + bias
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=1e-8)


class _Shrunk:
    """The covariance of all vectors of a class, shrunk as the model's is: one amount for all classes."""

    def __init__(self, shrinkage):
        self.shrinkage = shrinkage

    def fit(self, vectors):
        covariance = np.cov(vectors.T, bias=True)
        target = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        self.covariance_ = (1 - self.shrinkage) * covariance + self.shrinkage * target
        return self


def test_too_few_frames_are_refused_in_a_line(prepared, synthetic):
    split, store = prepared
    config = load_config(overrides=["model.name=fisher_discriminant", "model.num_components=100000"])
    model, standardizer = build(len(synthetic.labels), config.audio, config.features, config.model)
    parts = DevelopmentParts(store, split.train[:2], split.validation, synthetic.labels)
    with pytest.raises(
        ConfigError, match=r"has \d+ frames, expected at least 100000 .*lower model.num_features"
    ):
        learn(model, standardizer, parts, config, seed=0, device=torch.device("cpu"))


def test_a_class_without_utterances_is_never_told():
    generator = np.random.default_rng(0)
    classes = np.repeat([0, 2], 20)
    vectors = generator.normal(size=(40, 3)) + classes[:, None]
    weight, bias = linear_discriminant(vectors, classes, FisherDiscriminantConfig(num_classes=3))
    assert bias[1] == ABSENT
    assert set((vectors @ weight.T + bias).argmax(axis=1)) == {0, 2}
    assert set((1e6 * vectors @ weight.T + bias).argmax(axis=1)) <= {0, 2}
    _, final, divisor = _discriminant(
        vectors, classes, np.arange(40), FisherDiscriminantConfig(num_classes=3), 0
    )
    assert divisor > 0
    assert final[1] == NEVER
    assert abs(final[[0, 2]]).max() < -NEVER


def test_one_utterance_a_class_is_enough():
    vectors = np.array([[0.0, 0, 1], [3, 0, 1], [0, 2, 1]])
    weight, bias = linear_discriminant(vectors, np.arange(3), FisherDiscriminantConfig(num_classes=3))
    assert (vectors @ weight.T + bias).argmax(axis=1).tolist() == [0, 1, 2]


def test_the_temperature_is_that_of_the_classes_that_are_there():
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(60, 3))
    classes = generator.integers(3, size=60)
    with_another = np.insert(logits, 1, ABSENT, axis=1)
    assert temperature(with_another, classes + (classes > 0)) == pytest.approx(temperature(logits, classes))


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_temperature_undoes_what_was_scaled(factor):
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(20_000, 4))
    classes = np.array([generator.choice(4, p=row) for row in softmax(logits, axis=1)])
    assert temperature(factor * logits, classes) == pytest.approx(factor, rel=0.05)


def test_where_all_are_told_right_the_temperature_has_an_end():
    logits = np.eye(3)[np.arange(60) % 3]
    told = softmax(logits / temperature(logits, np.arange(60) % 3), axis=1).max(axis=1)
    np.testing.assert_allclose(1 - told, 2 / 3 / 61, rtol=0.05)


def test_with_nothing_to_find_it_with_the_temperature_is_the_greatest():
    assert temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == pytest.approx(np.exp(TEMPERATURES[1]))


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        (("b", "a", "a", "b"), [0, 1, 1, 0]),
        (("a", None, "a", None), [0, 1, 0, 2]),
        (("a", "b", "a", "b"), [0, 1, 2, 3]),  # an emotion each
        (("a", "a", "a", "a"), [0, 1, 2, 3]),
        ((None, None, None, None), [0, 1, 2, 3]),
        ((), [0, 1, 2, 3]),
    ],
)
def test_who_is_a_stranger_to_whom(prepared, synthetic, speakers, expected):
    split, store = prepared
    data = part_data(store, split.train[:4], synthetic.labels)
    data.speakers, data.targets = speakers, torch.tensor([0, 1, 0, 1])
    assert strangers(data).tolist() == expected


def speech(classes, groups, seed=0):
    """Vectors (2 * N, 6) of utterances and their copies: classes differ in three directions, speakers in all."""
    generator = np.random.default_rng(seed)
    of_class, of_group = np.eye(6)[:3] * 2, 3 * generator.normal(size=(groups.max() + 1, 6))
    plain = generator.normal(size=(len(classes), 6)) + of_class[classes] + of_group[groups]
    return np.concatenate((plain, plain + 0.01 * generator.normal(size=plain.shape)))


def test_strangers_make_a_model_less_sure():
    """It is right about the speakers that it knows and less often about others; temperature says so."""
    classes, groups = np.tile([0, 1, 2], 40), np.repeat(np.arange(6), 20)
    vectors, config = speech(classes, groups), FisherDiscriminantConfig(num_classes=3)
    apart = held_out(vectors, np.tile(classes, 2), groups, config)
    known = held_out(vectors, np.tile(classes, 2), np.arange(120), config)
    assert len(apart[1]) == len(known[1]) == 120
    assert (apart[0].argmax(axis=1) == apart[1]).mean() < (known[0].argmax(axis=1) == known[1]).mean()
    assert temperature(*apart) > 1.2 * temperature(*known)


def test_no_discriminant_knows_the_group_that_it_tells(monkeypatch):
    classes, groups = np.tile([0, 1, 2], 40), np.repeat(np.arange(6), 20)
    vectors, seen = speech(classes, groups), []

    def spy(learnt, of_classes, config):
        seen.append(learnt)
        return linear_discriminant(learnt, of_classes, config)

    monkeypatch.setattr("magtfnet.training.fisher_discriminant.linear_discriminant", spy)
    held_out(vectors, np.tile(classes, 2), groups, FisherDiscriminantConfig(num_classes=3))
    assert len(seen) == 5
    for learnt in seen:
        there = np.array([(vector == learnt).all(axis=1).any() for vector in vectors]).reshape(2, -1)
        assert (there[0] == there[1]).all(), "a copy stays with its utterance"
        assert all(len(set(there[0][groups == group])) == 1 for group in range(6)), "a speaker stays whole"


def test_an_emotion_of_one_speaker_alone_is_left_out():
    classes, groups = np.tile([0, 1], 60), np.repeat(np.arange(6), 20)
    classes[groups == 5] = 2
    logits, truth = held_out(
        speech(classes, groups), np.tile(classes, 2), groups, FisherDiscriminantConfig(num_classes=3)
    )
    assert set(truth) == {0, 1}
    assert len(logits) == 100
