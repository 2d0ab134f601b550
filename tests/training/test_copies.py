"""Augmented copies of the training part: drawn by the seed, kept in the store, never asked of other parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_model import TINY

from magtfnet import load_config, protocols
from magtfnet.classical.functionals_kernel_ridge import functionals_of
from magtfnet.experiments.preparation import DevelopmentParts, part_data, prepare_training
from magtfnet.experiments.training_run import learn
from magtfnet.recognizer.bundle import build
from magtfnet.training.seeding import seeded

CONFIG = load_config(overrides=['training.copies=["slower", "noise"]', "training.epochs=2", *TINY])


@pytest.fixture(scope="module")
def prepared(synthetic, tmp_path_factory):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    return split, prepare_training(synthetic, synthetic, CONFIG, cache=tmp_path_factory.mktemp("features"))


def test_a_copy_is_drawn_for_some_and_the_seed_decides_for_whom(prepared, synthetic):
    split, store = prepared
    data = part_data(store, split.train, synthetic.labels, CONFIG.training.copies)
    everyone = list(range(len(data)))
    plain = data.batch(everyone)[0]
    drawn = []
    for seed in (1, 1, 2):
        with seeded(seed):
            batch, targets = data.drawn(everyone)
        assert torch.equal(targets, data.targets)
        drawn.append(batch.lengths)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    slower = (drawn[0] / plain.lengths).numpy()
    assert (np.isclose(slower, 1.0) | np.isclose(slower, 1 / 0.92, atol=0.01)).all()
    assert 0.1 < (slower > 1.05).mean() < 0.6  # a third in the mean


def test_without_copies_no_number_is_drawn(prepared, synthetic):
    split, store = prepared
    data = part_data(store, split.train, synthetic.labels)
    before = torch.random.get_rng_state()
    data.drawn([0, 1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_copy_is_the_same_every_time_and_another_for_another_recording(prepared, synthetic, tmp_path):
    split, store = prepared
    again = prepare_training(synthetic, split.train[:2], CONFIG, cache=tmp_path)
    for one in split.train[:2]:
        recording = replace(part_data(store, [one], synthetic.labels).recordings[0], change="noise")
        assert np.array_equal(store[recording][0], again[recording][0])
        assert not np.array_equal(store[recording][0], store[replace(recording, change=None)][0])


def test_all_copies_hold_the_same_utterances(prepared, synthetic):
    split, store = prepared
    copies = part_data(store, split.train, synthetic.labels, CONFIG.training.copies).copies()
    assert len(copies) == 3
    vectors = [functionals_of(copy) for copy in copies]
    assert vectors[0].shape == vectors[1].shape == vectors[2].shape
    assert not np.allclose(vectors[0], vectors[1])
    assert all(torch.equal(copy.targets, copies[0].targets) for copy in copies)


def test_a_training_with_copies_is_repeatable_and_not_the_one_without(prepared, synthetic):
    split, store = prepared
    parts = DevelopmentParts(store, split.train, split.validation, synthetic.labels)
    losses = []
    for config in (CONFIG, CONFIG, load_config(overrides=["training.epochs=2", *TINY])):
        with seeded(0):
            model, standardizer = build(3, config.audio, config.features, config.model)
        result = learn(model, standardizer, parts, config, seed=0, device=torch.device("cpu"))
        losses.append([row["train_loss"] for row in result.history])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
