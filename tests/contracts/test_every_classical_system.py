"""What every registered classical system must do; a new one is tested the day it is registered."""

import sys

import numpy as np
import pytest
import stub_opensmile

from magtfnet import ConfigError, UnknownNameError, load_config, protocols
from magtfnet.classical import CLASSICAL, LEARN_FROM_COPIES, NEED_WEIGHTS, create_classical
from magtfnet.classical.egemaps_svm import opensmile_is_installed
from magtfnet.experiments.preparation import part_data, prepare_training
from magtfnet.training.batches import TrainingData
from magtfnet.training.threads import threads

SMALL = {
    "functionals_gbm": {"trees": 10, "leaves": (4,), "learning_rates": (0.1,)},
    "dnn_elm": {"layers": (16, 8), "epochs": 3, "context": 2, "units": (20, 40), "ridges": (1.0,)},
    "svm_decision_tree": {"layers": (16, 8), "epochs": 3, "context": 2, "population": 4, "generations": 2},
}
SEED = 3
PRETRAINED = {
    "wav2vec2": "wav2vec2",
    "wav2vec2_task_adapted": "wav2vec2",
    "wav2vec2_frozen": "wav2vec2",
    "hubert_frozen": "hubert",
    "wavlm_frozen": "wavlm",
    "whisper_frozen": "whisper",
    "emotion2vec_frozen": "emotion2vec",
    "dual_tbnet_self_supervised": "wav2vec2",
}
"""Which tiny checkpoint stands for the real weights."""


@pytest.fixture(scope="module")
def parts(synthetic, tmp_path_factory):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    store = prepare_training(synthetic, synthetic, load_config(), cache=tmp_path_factory.mktemp("features"))
    return {name: part_data(store, part, synthetic.labels) for name, part in split.parts().items()}


def small(name, checkpoints):
    """Overrides that make a system small."""
    if name not in PRETRAINED:
        return SMALL.get(name, {})
    own = {"weights": str(checkpoints(PRETRAINED[name])), "batch_size": 8}
    if name == "dual_tbnet_self_supervised":
        return own | {"epochs": 8, "learning_rate": 0.01, "d_model": 16, "ffn_dim": 16}
    frozen = {"epochs": 60, "learning_rate": 0.01, "hidden": 16}
    return own | (
        frozen if name.endswith("frozen") else {"epochs": 3, "learning_rate": 0.02, "pretraining_epochs": 1}
    )


@pytest.fixture(scope="module", autouse=True)
def opensmile():
    """openSMILE itself where it is installed, else a stub of it."""
    with pytest.MonkeyPatch.context() as patched:
        if not opensmile_is_installed():
            patched.setitem(sys.modules, "opensmile", stub_opensmile.module())
        yield


@pytest.fixture(scope="module", params=list(CLASSICAL))
def fitted(request, parts, checkpoints):
    system = create_classical(request.param, **small(request.param, checkpoints))
    with threads(1):  # last bits depend on their number
        chosen = system.fit(parts["train"], parts["validation"], 3, SEED)
    return request.param, system, chosen


def test_probabilities_have_a_row_an_utterance_and_sum_to_one(fitted, parts):
    _, system, _ = fitted
    probabilities = system.predict_proba(parts["test"])
    assert probabilities.shape == (len(parts["test"]), 3)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)


def test_who_learns_from_copies_says_so(fitted, parts, checkpoints, monkeypatch):
    name, *_ = fitted
    asked = []
    monkeypatch.setattr(TrainingData, "copies", lambda data: asked.append(data) or [data])
    create_classical(name, **small(name, checkpoints)).fit(parts["train"], parts["validation"], 3, SEED)
    assert bool(asked) == (name in LEARN_FROM_COPIES)


def test_what_was_chosen_is_plain_and_is_the_validation_score(fitted, parts):
    _, system, chosen = fitted
    predicted = system.predict_proba(parts["validation"]).argmax(axis=1)
    accuracy = float(np.mean(predicted == parts["validation"].targets.numpy()))
    assert chosen["validation_WA"] == pytest.approx(accuracy)
    assert all(isinstance(value, (int, float)) for value in chosen.values())


def test_it_learns_what_it_was_taught(fitted, parts):
    name, system, _ = fitted
    if name in PRETRAINED and name != "dual_tbnet_self_supervised":  # half of what that one hears is ours
        pytest.skip("random weights of a few thousand know nothing of speech")
    predicted = system.predict_proba(parts["train"]).argmax(axis=1)
    assert np.mean(predicted == parts["train"].targets.numpy()) > 0.6  # chance is a third


def test_the_same_seed_gives_the_same_system(fitted, parts, checkpoints):
    name, system, chosen = fitted
    again = create_classical(name, **small(name, checkpoints))
    with threads(1):
        assert again.fit(parts["train"], parts["validation"], 3, SEED) == chosen
        np.testing.assert_array_equal(again.predict_proba(parts["test"]), system.predict_proba(parts["test"]))


def test_an_utterance_is_judged_alone(fitted, parts):
    """Whoever else is in the part changes nothing."""
    _, system, _ = fitted
    whole = system.predict_proba(parts["train"])
    data = parts["train"]
    some = type(data)(data.store, data.recordings[:3], data.targets[:3].tolist())
    np.testing.assert_allclose(system.predict_proba(some), whole[:3], atol=1e-5)


def test_classes_are_not_looked_at_in_prediction(fitted, parts):
    _, system, _ = fitted
    data = parts["test"]
    lied = type(data)(data.store, data.recordings, [0] * len(data))
    np.testing.assert_array_equal(system.predict_proba(lied), system.predict_proba(data))


def test_what_it_began_with_is_known_and_stays(fitted, checkpoints):
    name, system, _ = fitted
    fresh = create_classical(name, **small(name, checkpoints))
    assert (system.weights_digest is not None) == (name in NEED_WEIGHTS)
    assert system.weights_digest == fresh.weights_digest, "of what it began with, not of what it learnt"


def test_its_size_is_known(fitted):
    _, system, _ = fitted
    assert system.num_parameters > 0
    assert system.num_bytes > 100


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("egemaps_svm", {"penalties": (0,)}),
        ("egemaps_svm", {"gammas": (-1,)}),
        ("svm_decision_tree", {"penalties": (1, 0)}),
        ("functionals_gbm", {"leaves": (1,)}),
        ("functionals_gbm", {"learning_rates": (-0.1,)}),
        ("functionals_kernel_ridge", {"ridges": (0,)}),
        ("functionals_kernel_ridge", {"gammas": (0.3, -1)}),
        ("functionals_kernel_ridge", {"sharpness": (0,)}),
        ("dnn_elm", {"units": (0,)}),
        ("dnn_elm", {"ridges": (-1,)}),
    ],
)
def test_candidates_that_cannot_be_are_refused_before_any_work(name, setting):
    with pytest.raises(ConfigError, match=rf"model\.{next(iter(setting))}.*greater than"):
        create_classical(name, **setting)


@pytest.mark.parametrize("name", list(CLASSICAL))
def test_unknown_settings_are_refused(name):
    with pytest.raises(ConfigError, match=r"unknown configuration key 'model.width'"):
        create_classical(name, width=3)


def test_unknown_systems_are_refused():
    with pytest.raises(
        UnknownNameError, match="unknown classical system 'knn', expected one of compare_svm, dnn_elm"
    ):
        create_classical("knn")
