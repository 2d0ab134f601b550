"""Steps: precision, threads that a run began with, and what a GPU does with them."""

import json

import pytest
import torch
from tiny_model import TINY

from magtfnet import create_model, load_config
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.features import FeatureBatch
from magtfnet.training.optimizers import make_optimizer
from magtfnet.training.steps import CapturedStep, Learner, PlainStep, make_step
from magtfnet.training.threads import threads


def batch():
    generator = torch.Generator().manual_seed(0)
    return FeatureBatch(
        torch.randn(6, 50, 40, generator=generator),
        torch.randn(6, 50, 12, generator=generator),
        torch.randn(6, 24, generator=generator),
        torch.tensor([50, 10, 20, 30, 40, 50]),
    )


def learner(*overrides, device="cpu"):
    config = load_config(None, [*TINY, "model.dropout=0", *overrides])
    torch.manual_seed(0)
    model = create_model("magtf_net", num_classes=3, **config.model.overrides).to(device).train()
    return Learner(model, make_optimizer(model, config.training, torch.device(device)), config.training)


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


def test_a_cpu_takes_plain_steps():
    assert isinstance(make_step(learner(), None, None, torch.device("cpu")), PlainStep)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recorded steps need a CUDA device: none here")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_recorded_steps_are_the_plain_ones(precision):
    """Without dropout both see the same numbers; the device only rounds differently."""

    class Resident:
        device = torch.device("cuda")

        def frames_for(self, indices):
            return 50

        def batch(self, indices, num_frames):
            return batch().to(self.device), (torch.arange(6) % 3).to(self.device)

    plain = losses(learner(f"training.precision={precision}"), 8)
    recorded = CapturedStep(learner(f"training.precision={precision}", device="cuda"), Resident())
    found = [recorded(list(range(6))).item() for _ in range(8)]
    assert found == pytest.approx(plain, abs=0.05)
    assert len(recorded.graphs) == 1
    assert recorded.graphs[(6, 50)] is not None
