"""The pieces of the classical systems with numbers worked out by hand."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from magtfnet import DivergenceError, MissingExtraError, load_config, protocols
from magtfnet.classical import create_classical
from magtfnet.classical.dnn_elm import ExtremeLearningMachine
from magtfnet.classical.egemaps_svm import egemaps_svm
from magtfnet.classical.frame_network import Examples, FrameNetwork, FrameNetworkConfig
from magtfnet.classical.protocol import Best, best_of, in_all_classes, softmax
from magtfnet.classical.svm_decision_tree import Node, confusion_rates, fisher, grow, part
from magtfnet.experiments.preparation import part_data, prepare_training


def test_the_best_is_by_accuracy_then_by_likelihood():
    best = Best([0, 1])
    best.offer("one right", np.array([[0.9, 0.1], [0.9, 0.1]]))
    best.offer("both, barely", np.array([[0.6, 0.4], [0.4, 0.6]]))
    best.offer("both, surely", np.array([[0.9, 0.1], [0.1, 0.9]]))
    best.offer("both, barely again", np.array([[0.6, 0.4], [0.4, 0.6]]))
    assert best.candidate == "both, surely"
    assert best.score[0] == 1.0
    assert best_of([0.2, 0.7], lambda p: np.array([[p, 1 - p]]), [0]) == (0.7, 1.0)
    with pytest.raises(ValueError, match="no candidate"):
        _ = Best([0]).candidate


def test_what_diverged_is_never_the_best():
    best = Best([0, 1, 1])
    best.offer("no numbers", np.full((3, 2), np.nan))
    with pytest.raises(
        DivergenceError, match=r"no numbers in all of 1 epochs or settings; lower model.learning_rate"
    ):
        _ = best.candidate
    best.offer("numbers", np.array([[1.0, 0], [1, 0], [1, 0]]))  # as right as NaN, whose argmax is 0
    best.offer("no numbers again", np.array([[1.0, 0], [0, 1], [np.inf, 0]]))
    assert best.candidate == "numbers"


def test_a_frame_network_that_diverges_says_so(synthetic, tmp_path):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    store = prepare_training(synthetic, synthetic, load_config(), cache=tmp_path)
    data = part_data(store, split.test, synthetic.labels)
    network = FrameNetwork(FrameNetworkConfig(layers=(8,), context=1, learning_rate=1e36))
    with pytest.raises(
        DivergenceError, match=r"validation loss .* no number .*lower model.learning_rate \(1e\+36\)"
    ):
        network.fit(data, data, 3, seed=0)


def test_classes_that_training_lacks_have_no_probability():
    assert in_all_classes(np.array([[0.3, 0.7]]), [0, 2], 4).tolist() == [[0.3, 0, 0.7, 0]]
    np.testing.assert_allclose(softmax(np.array([[0.0, np.log(3)]])), [[0.25, 0.75]])


def test_the_machine_solves_ridge_regression():
    generator = np.random.default_rng(0)
    vectors, targets = generator.normal(size=(30, 4)), np.eye(3)[generator.integers(3, size=30)]
    machine = ExtremeLearningMachine(8, 0.5, seed=1).fit(vectors, targets)
    hidden = machine._hidden(vectors)
    residual = hidden.T @ (hidden @ machine.outputs - targets) + 0.5 * machine.outputs
    np.testing.assert_allclose(residual, 0, atol=1e-9)  # the gradient of the ridge objective
    assert machine.scores(vectors).shape == (30, 3)


def test_a_number_that_never_varied_in_training_decides_nothing():
    generator = np.random.default_rng(0)
    vectors, targets = generator.normal(size=(30, 4)), np.eye(3)[generator.integers(3, size=30)]
    vectors[:, 2] = 0.0
    machine = ExtremeLearningMachine(8, 0.5, seed=1).fit(vectors, targets)
    moved = vectors + np.array([0, 0, 0.01, 0])
    np.testing.assert_allclose(machine.scores(moved), machine.scores(vectors), atol=0.02)


@pytest.fixture
def utterances(generator):
    """Two utterances of 5 and 3 frames, and what the frame network makes of them."""
    frames = [torch.from_numpy(generator.normal(size=(n, 2)).astype(np.float32)) for n in (5, 3)]
    return SimpleNamespace(
        frames=frames,
        examples=Examples(
            torch.cat(frames),
            torch.tensor([[0, 1], [2, 3], [4, 4], [5, 6], [7, 7]]),
            torch.tensor([3, 2]),
            torch.tensor([0, 1]),
        ),
    )


@pytest.mark.parametrize("order", [[0, 1], [1, 0], [1]])
def test_windows_of_utterances_stay_together(utterances, order):
    windows, counts = utterances.examples.windows(torch.tensor(order))
    rows = {0: [[0, 1], [2, 3], [4, 4]], 1: [[5, 6], [7, 7]]}
    every = torch.cat(utterances.frames)
    expected = torch.stack([every[row].flatten() for utterance in order for row in rows[utterance]])
    assert torch.equal(windows, expected)
    assert counts.tolist() == [len(rows[utterance]) for utterance in order]


def test_a_network_that_learns_from_utterances_classifies_the_mean_of_its_hidden_layer(utterances):
    network = FrameNetwork(FrameNetworkConfig(learns_from="utterances", layers=(6,), dropout=0.0))
    torch.manual_seed(0)
    network._build(utterances.examples.width, 2)
    logits = network._logits(utterances.examples, torch.tensor([1, 0]))
    every = torch.cat(utterances.frames)
    second, first = (
        every[torch.tensor(rows)].flatten(1) for rows in ([[5, 6], [7, 7]], [[0, 1], [2, 3], [4, 4]])
    )
    expected = network.last(torch.stack([network.hidden(rows).mean(dim=0) for rows in (second, first)]))
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"learns_from": "utterances", "machine": "kernel", "representation": "hidden"},
        {"learns_from": "frames", "machine": "random", "representation": "probabilities"},
        {"learns_from": "frames", "machine": "kernel", "representation": "both"},
    ],
)
def test_dnn_elm_of_either_paper_learns(options, synthetic, tmp_path):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    store = prepare_training(synthetic, synthetic, load_config(), cache=tmp_path)
    parts = {name: part_data(store, part, synthetic.labels) for name, part in split.parts().items()}
    system = create_classical("dnn_elm", layers=(16, 8), context=2, epochs=20, units=(20,), **options)
    chosen = system.fit(parts["train"], parts["validation"], 3, seed=0)
    assert set(chosen) == {"gamma" if options["machine"] == "kernel" else "units", "ridge", "validation_WA"}
    right = system.predict_proba(parts["test"]).argmax(axis=1) == parts["test"].targets.numpy()
    assert right.mean() > 0.6  # a third by chance
    assert system.num_parameters > system.network.num_parameters > 0


def test_fisher_keeps_what_separates():
    targets = np.array([0, 0, 1, 1])
    vectors = np.array([[0.0, 5, 1], [1, 5, 9], [10, 6, 2], [11, 6, 8]])
    assert fisher(vectors, targets, 1 / 3).tolist() == [1]  # no variance within at all
    assert fisher(vectors, targets, 2 / 3).tolist() == [0, 1]


def test_the_most_confusable_part_last():
    confused = np.zeros((4, 4))
    confused[0, 2] = confused[2, 0] = 9  # 0 and 2 are confused most
    confused[1, 3] = confused[3, 1] = 4
    confused[0, 1] = confused[1, 0] = 1
    assert sorted(part((0, 1, 2, 3), confused)) == [(0, 2), (1, 3)]


def test_confusion_is_by_shares_not_by_how_frequent_classes_are():
    # of the rare class 2 six of ten are taken for 0, of 100 of either other ten for each other
    counts = np.array([[90, 10, 0], [10, 90, 0], [6, 0, 4]])
    confused = confusion_rates(counts)
    np.testing.assert_allclose(confused[[0, 0, 1], [1, 2, 2]], [0.2, 0.6, 0])
    assert sorted(part((0, 1, 2), confused)) == [(0, 2), (1,)]
    assert confusion_rates(np.zeros((2, 2), dtype=int)).tolist() == [[0, 0], [0, 0]], (
        "nobody of a class in validation"
    )


def test_a_tree_multiplies_its_decisions():
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1, 2], 20)
    vectors = generator.normal(size=(60, 2)) + np.array([[0, 0], [8, 0], [8, 8]])[targets]
    confused = confusion_rates(np.array([[5, 0, 0], [0, 5, 3], [0, 3, 5]]))
    tree = grow((0, 1, 2), confused, vectors, targets, penalty=1.0)
    assert {tree.left.classes, tree.right.classes} == {(0,), (1, 2)}
    found = tree.probabilities(vectors, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.mean(found.argmax(axis=1) == targets) > 0.95
    assert tree.count() > 0
    assert Node((1,)).probabilities(vectors[:1], 3).tolist() == [[0, 1, 0]]


def test_trees_that_are_not_used_are_not_kept(synthetic, tmp_path):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    store = prepare_training(synthetic, synthetic, load_config(), cache=tmp_path)
    train, validation = (part_data(store, part, synthetic.labels) for part in (split.train, split.validation))
    sizes = {}
    for most in (5, 60):
        system = create_classical("functionals_gbm", trees=most, learning_rates=(0.3,), leaves=(4,))
        chosen = system.fit(train, validation, 3, seed=0)
        sizes[most] = system.num_bytes / chosen["trees"]
        assert system.model.n_iter_ == chosen["trees"] < 60
        right = system.predict_proba(validation).argmax(axis=1) == validation.targets.numpy()
        assert right.mean() == chosen["validation_WA"]
    assert sizes[60] < 2 * sizes[5], "the size is that of the trees that are used"


def test_a_missing_opensmile_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(
        MissingExtraError,
        match=r"opensmile.*pip install 'magtfnet\[bench\]'; its licence allows research and private",
    ):
        egemaps_svm()
