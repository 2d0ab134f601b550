"""Steps: precision, threads that a run began with, and what a GPU does with them."""

import copy
import json

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info
from tiny_model import TINY

from magtfnet import create_model, load_config
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.features import FeatureBatch, FeatureStore, Standardizer
from magtfnet.features.store import Recording
from magtfnet.training.batches import TrainingData
from magtfnet.training.optimizers import make_optimizer, restore
from magtfnet.training.resident import ResidentData
from magtfnet.training.steps import CapturedStep, Learner, _Recording, can_be_recorded
from magtfnet.training.threads import threads


def batch():
    generator = torch.Generator().manual_seed(0)
    return FeatureBatch(
        torch.randn(6, 50, 40, generator=generator),
        torch.randn(6, 50, 12, generator=generator),
        torch.randn(6, 24, generator=generator),
        torch.tensor([50, 10, 20, 30, 40, 50]),
    )


def learner(*overrides, device="cpu", recorded=False):
    config = load_config(None, [*TINY, "model.dropout=0", *overrides])
    torch.manual_seed(0)
    model = create_model("magtf_net", num_classes=3, **config.model.overrides).to(device).train()
    optimizer = make_optimizer(model, config.training, torch.device(device), recorded=recorded)
    return Learner(model, optimizer, config.training)


def losses(learner, steps=30):
    targets = torch.arange(6) % 3
    return [learner.learn(batch(), targets).item() for _ in range(steps)]


def test_bfloat16_learns_like_float32():
    full, rounded = losses(learner()), losses(learner("training.precision=bf16"))
    assert full != rounded  # it is used
    assert rounded == pytest.approx(full, abs=0.05)
    assert rounded[-1] < rounded[0] - 0.3


def test_weights_stay_in_float32():
    trained = learner("training.precision=bf16")
    losses(trained, 2)
    assert {parameter.dtype for parameter in trained.model.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in trained.model.parameters()} == {torch.float32}


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_linear_algebra_takes_as_many_threads_as_torch():
    with threads(1):
        assert {library["num_threads"] for library in threadpool_info()} == {1}


def test_a_run_remembers_its_threads(trained, tmp_path):
    assert RunDirectory(trained.folder).threads == torch.get_num_threads()
    assert RunDirectory(tmp_path / "nothing").threads is None
    (tmp_path / "environment.json").write_text(json.dumps({"threads": "several"}))
    assert RunDirectory(tmp_path).threads is None


def test_a_resumed_run_has_the_threads_that_it_began_with(
    synthetic, tmp_path, tiny_config, monkeypatch, feature_cache
):
    from magtfnet import protocols, train
    from magtfnet.experiments import training_run

    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    used, real = [], training_run.fit

    def stop(row):
        raise KeyboardInterrupt

    def noted(*arguments, **keywords):
        used.append(torch.get_num_threads())
        return real(*arguments, **keywords)

    monkeypatch.setattr(training_run, "fit", noted)
    with threads(3), pytest.raises(KeyboardInterrupt):
        train(synthetic, split, tmp_path / "run", tiny_config, cache=feature_cache, on_epoch=stop)
    with threads(1):
        train(synthetic, split, tmp_path / "run", tiny_config, cache=feature_cache, resume=True)
    assert used == [3, 3]


class Room:
    """A training part of so many bytes."""

    def __init__(self, size, changes=(None,)):
        self.size, self.changes = size, changes

    def num_bytes(self, names):
        return self.size


def test_what_can_be_recorded(monkeypatch):
    model = learner().model
    frames = create_model("magtf_net_frames", num_classes=3)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1_000, 2_000))
    cuda = torch.device("cuda")
    assert can_be_recorded(model, Room(249), cuda)
    assert not can_be_recorded(model, Room(251), cuda)
    assert not can_be_recorded(frames, Room(1), cuda)
    assert not can_be_recorded(model, Room(1, (None, "noise")), cuda)  # which copy is drawn anew each epoch
    assert not can_be_recorded(model, Room(1), torch.device("cpu"))


@pytest.fixture
def resident(tmp_path, generator, tiny_config):
    """Twelve utterances of 20 to 31 frames, on the CPU."""
    store = FeatureStore(tmp_path, tiny_config.audio, tiny_config.features)
    recordings = [Recording(tmp_path / str(i)) for i in range(12)]
    store.put(
        (r, str(i), *(generator.normal(size=(20 + i, width)).astype(np.float32) for width in (40, 12)))
        for i, r in enumerate(recordings)
    )
    data = TrainingData(store, recordings, [i % 3 for i in range(12)])
    return lambda device: ResidentData(
        data, Standardizer(40, 12, 24).to(device), torch.device(device), ("log_mel", "functionals")
    )


BATCHES = [[0, 1, 2], [3, 4, 5], [2, 1, 0], [9, 10, 11], [5, 3, 4], [11, 9, 10]]


def test_each_shape_is_recorded_when_it_comes_again(resident, monkeypatch):
    """The bookkeeping, with recordings that run as they are."""
    recorded = []

    class Graph:
        def __init__(self, step, num_frames):
            self.step, self.num_frames = step, num_frames

        def replay(self):
            self.loss.copy_(self.step._learn(self.indices, self.num_frames))

    def record(step, indices, num_frames):
        recorded.append((len(indices), num_frames))
        graph = Graph(step, num_frames)
        graph.indices, graph.loss = indices.clone(), torch.zeros(())
        return _Recording(graph, graph.indices, graph.loss)

    monkeypatch.setattr(CapturedStep, "_record", record)
    step = CapturedStep(learner(), resident("cpu"))
    found = [step(indices).item() for indices in BATCHES]
    plain = learner()
    data = resident("cpu")
    expected = [
        plain.learn(*data.batch(torch.tensor(indices), data.frames_for(indices))).item()
        for indices in BATCHES
    ]
    assert found == expected
    assert recorded == [(3, 24), (3, 32)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recorded steps need a CUDA device: none here")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_recorded_steps_are_the_plain_ones(resident, precision):
    """Without dropout both see the same numbers; the device only rounds differently."""
    plain, data = learner(f"training.precision={precision}"), resident("cpu")
    expected = [
        plain.learn(*data.batch(torch.tensor(indices), data.frames_for(indices))).item()
        for indices in BATCHES
    ]
    step = CapturedStep(
        learner(f"training.precision={precision}", device="cuda", recorded=True), resident("cuda")
    )
    assert [step(indices).item() for indices in BATCHES] == pytest.approx(expected, abs=0.05)
    assert all(recording is not None for recording in step.graphs.values())


def test_a_checkpoint_does_not_decide_how_steps_are_computed():
    first, second = learner(), learner()
    losses(first, 2)
    state = copy.deepcopy(first.optimizer.state_dict())
    state["param_groups"][0]["fused"], state["param_groups"][0]["capturable"] = None, True
    restore(second.optimizer, state)
    group = second.optimizer.param_groups[0]
    assert (group["fused"], group["capturable"]) == (True, False)
    second.model.load_state_dict(first.model.state_dict())
    assert losses(second, 2) == losses(first, 2)
