"""The trainer: learns, keeps the best epoch, stops in time, goes on to the bit, reads no test part."""

import pytest
import torch
from tiny_model import TINY

from magtfnet import DivergenceError, RunDirectoryError, StorageError, load_config, protocols
from magtfnet.experiments.preparation import prepare_training
from magtfnet.experiments.scoring import recording_of
from magtfnet.recognizer.bundle import build
from magtfnet.training import FitResult, TrainingData, fit
from magtfnet.training.checkpoint import load_checkpoint, save_checkpoint
from magtfnet.training.seeding import seeded


@pytest.fixture(scope="module")
def parts(synthetic, tiny_config, feature_cache):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0, duplicates={})[0]
    store = prepare_training(synthetic, synthetic, tiny_config, cache=feature_cache)

    def data(part):
        return TrainingData(
            store, [recording_of(u) for u in part], [synthetic.labels.index(u.emotion) for u in part]
        )

    return data(split.train), data(split.validation)


def run(parts, *overrides, model="magtf_net", checkpoint=None, on_epoch=lambda row: None):
    config = load_config(None, [*TINY, f"model.name={model}", "training.batch_size=8", *overrides])
    with seeded(0):
        network, standardizer = build(3, config.audio, config.features, config.model)
    training, validation = parts
    standardizer.fit(training.batch(piece)[0] for piece in training.in_order())
    arguments = (network, standardizer, training, validation, config.training)
    result = fit(*arguments, seed=0, device=torch.device("cpu"), checkpoint=checkpoint, on_epoch=on_epoch)
    return network, result


def assert_equal_to_the_bit(first, second):
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_it_learns(parts):
    _, result = run(parts, "training.epochs=12")
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"] - 0.3
    assert max(row["validation_WA"] for row in result.history) > 0.6  # chance is a third


@pytest.mark.parametrize("model", ["magtf_net", "magtf_net_frames", "magtf_net_graph_first"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(parts, model):
    first, again = (run(parts, "training.epochs=2", model=model)[0] for _ in range(2))
    assert_equal_to_the_bit(first, again)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("model", ["magtf_net", "magtf_net_frames"])
@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_stopped_training_goes_on_to_the_bit(parts, tmp_path, model, stopped_after):
    undisturbed, whole = run(parts, "training.epochs=5", model=model)

    def stop(row):
        if row["epoch"] == stopped_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(parts, "training.epochs=5", model=model, checkpoint=tmp_path / "c.pt", on_epoch=stop)
    resumed, result = run(parts, "training.epochs=5", model=model, checkpoint=tmp_path / "c.pt")
    assert_equal_to_the_bit(undisturbed, resumed)
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]
    assert drop == [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history]
    assert result.best_epoch == whole.best_epoch


def test_the_best_epoch_is_kept_not_the_last(parts, monkeypatch):
    """Validation scores are scripted: epoch 2 of 4 is the best."""
    scores, seen = iter([0.2, 0.9, 0.1, 0.3]), []

    def scripted(loop, *_):
        seen.append({name: value.clone() for name, value in loop.model.state_dict().items()})
        return {"validation_loss": 1.0, "validation_WA": next(scores), "validation_UA": 0.5}

    monkeypatch.setattr("magtfnet.training.epoch_loop.EpochLoop.evaluate", scripted)
    network, result = run(parts, "training.epochs=4")
    assert result.best_epoch == 2
    for name, value in network.state_dict().items():
        assert torch.equal(value, seen[1][name])
    assert not torch.equal(seen[1]["classifier.weight"], seen[3]["classifier.weight"])
    assert not network.training


def test_every_epoch_has_random_numbers_of_its_own(parts, monkeypatch):
    used, real = [], seeded
    monkeypatch.setattr(
        "magtfnet.training.epoch_loop.seeded", lambda *numbers: used.append(numbers) or real(*numbers)
    )
    run(parts, "training.epochs=3")
    assert used == [(0, 1), (0, 2), (0, 3)]


def row(epoch, accuracy, loss):
    return {"epoch": epoch, "validation_WA": accuracy, "validation_loss": loss}


def test_best_and_patience_by_hand():
    model, result = torch.nn.Linear(1, 1), FitResult()
    assert result.epochs_without_gain() == 0
    for epoch, accuracy, loss, best, without in [
        (1, 0.5, 1.0, 1, 0),
        (2, 0.4, 0.1, 1, 1),
        (3, 0.5, 0.9, 3, 2),  # as accurate at a lower loss: kept, but no gain in accuracy
        (4, 0.5, 0.95, 3, 3),
        (5, 0.6, 2.0, 5, 0),
    ]:
        result.take(row(epoch, accuracy, loss), model)
        assert (result.best_epoch, result.epochs_without_gain()) == (best, without)


def test_patience_ends_a_training(parts):
    _, result = run(parts, "training.epochs=30", "training.patience=2", "training.learning_rate=0.000001")
    accuracies = [r["validation_WA"] for r in result.history]
    assert len(accuracies) == accuracies.index(max(accuracies)) + 3 < 30


def test_a_loss_that_is_no_number_is_named(parts):
    with pytest.raises(
        DivergenceError, match=r"the loss became .* in epoch \d+; lower training.learning_rate"
    ):
        run(parts, "training.epochs=9", "training.learning_rate=1e30", "training.optimizer=sgd")


def test_a_last_step_into_nowhere_is_named(parts):
    """One batch an epoch: the training loss is still a number, what it leads to is not."""
    with pytest.raises(DivergenceError, match=r"the validation loss became .* in epoch 1; lower"):
        run(parts, "training.epochs=1", "training.batch_size=64", "training.learning_rate=1e37")


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimizer_moves_the_weights(parts, optimizer):
    network, result = run(parts, "training.epochs=1", f"training.optimizer={optimizer}")
    with seeded(0):
        fresh = build(
            3, *[getattr(load_config(None, list(TINY)), n) for n in ("audio", "features", "model")]
        )[0]
    assert not torch.equal(network.classifier.weight, fresh.classifier.weight)
    assert len(result.history) == 1


def test_a_checkpoint_is_whole_or_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"history": [], "model": {"weight": torch.ones(3)}})
    assert torch.equal(load_checkpoint(path)["model"]["weight"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunDirectoryError, match="damaged checkpoint; remove it to start this run again"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"hello", b"", {"model": {}}, [1, 2]])
def test_damaged_checkpoints_are_named(parts, tmp_path, content):
    path = tmp_path / "c.pt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(
        RunDirectoryError, match=r"c\.pt: damaged checkpoint; remove it to start this run again"
    ):
        run(parts, "training.epochs=1", checkpoint=path)


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def broken(error):
        def load(*_, **__):
            raise error

        return load

    monkeypatch.setattr(torch, "load", broken(PermissionError(13, "Permission denied")))
    with pytest.raises(StorageError, match=r"c\.pt: Permission denied; check the permissions and the disk"):
        load_checkpoint(tmp_path / "c.pt")
    monkeypatch.setattr(torch, "load", broken(MemoryError()))
    with pytest.raises(MemoryError):
        load_checkpoint(tmp_path / "c.pt")


def test_a_checkpoint_never_runs_code(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(RunDirectoryError, match="damaged checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")
