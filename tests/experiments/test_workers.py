"""Trainings side by side: the same results, messages in order, failures told."""

import functools
import os
import signal

import pytest
import torch
from tiny_model import TINY

from magtfnet import AudioError, WorkerError, load_config
from magtfnet.experiments import cross_validation, workers
from magtfnet.experiments.cross_validation import Announce, plan, train_all
from magtfnet.experiments.workers import (
    Workers,
    best_workers,
    cores,
    share_cores,
    side_by_side,
    steps_a_second,
)
from magtfnet.training.threads import threads

CONFIG = load_config(
    None,
    [*TINY, "protocol.name=speaker_independent_k_fold", "protocol.folds=2", "training.epochs=2"],
)


def count(number, tell):
    for i in range(number):
        tell(i)
    return number, torch.get_num_threads()


def fail(tell):
    raise AudioError("x.wav", "broken", "mend it")


def die(tell):
    os.kill(os.getpid(), signal.SIGKILL)


def test_messages_come_before_the_result_and_threads_are_as_asked():
    heard = []
    works = [functools.partial(count, number) for number in (3, 0, 5)]
    for number, result in side_by_side(works, Workers(2, 1), lambda *message: heard.append(message)):
        expected = (3, 0, 5)[number]
        assert result == (expected, 1)
        assert [row for who, row in heard if who == number] == list(range(expected))
    assert len(heard) == 8


def test_what_a_work_raises_is_raised_whole():
    with pytest.raises(AudioError, match=r"x.wav: broken; mend it") as raised:
        list(side_by_side([fail, functools.partial(count, 1)], Workers(1, 1), lambda *message: None))
    assert raised.value.found == "broken"


def test_a_killed_process_is_named():
    with pytest.raises(
        WorkerError, match="killed, perhaps for want of memory; go on with --resume and fewer --jobs"
    ):
        list(side_by_side([die], Workers(1, 1), lambda *message: None))


def test_cores_are_shared_out():
    assert share_cores(1) == Workers(1, cores())
    assert share_cores(cores()) == Workers(cores(), 1)
    assert share_cores(10 * cores()).threads == 1


def test_the_fastest_division_is_taken(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 4)
    tried = {}

    def measured(candidate, config, num_classes):
        tried[candidate] = {1: 3.0, 2: 5.0, 4: 4.0}[candidate.processes]
        return tried[candidate]

    monkeypatch.setattr(workers, "steps_a_second", measured)
    assert best_workers(CONFIG, 3, 10) == Workers(2, 2)
    assert set(tried) == {Workers(1, 4), Workers(2, 2), Workers(4, 1)}
    assert best_workers(CONFIG, 3, 3) == Workers(2, 2)
    assert best_workers(CONFIG, 3, 1) == Workers(1, 4)


def test_a_trial_takes_steps():
    assert steps_a_second(Workers(2, 1), CONFIG, 3) > 0


def test_a_gpu_is_not_shared_unless_asked(monkeypatch):
    monkeypatch.setattr(cross_validation, "choose_device", lambda name: torch.device("cuda"))
    assert cross_validation._workers(CONFIG, 3, 5, None).processes == 1
    assert cross_validation._workers(CONFIG, 3, 5, 2).processes == 2


class Listener(Announce):
    def __init__(self):
        self.told = []

    def workers(self, workers):
        self.told.append(workers)

    def starting(self, run, number, total):
        self.told.append((run.name, number, total))
        return lambda row: self.told.append((run.name, row["epoch"]))

    def finished(self, run):
        self.told.append((run.name, "finished"))


def test_trainings_side_by_side_are_those_one_by_one(synthetic, tmp_path, feature_cache):
    runs, listener = plan(synthetic, CONFIG, [0]), Listener()
    both = train_all(
        synthetic, runs, tmp_path / "both", CONFIG, cache=feature_cache, jobs=2, announce=listener
    )
    one_share = share_cores(2).threads
    with threads(one_share):
        each = train_all(synthetic, runs, tmp_path / "each", CONFIG, cache=feature_cache)
    assert list(both) == list(each) == ["fold_00_seed_0", "fold_01_seed_0"]
    for name in both:
        found, expected = both[name].bundle.model.state_dict(), each[name].bundle.model.state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        told = [what for who, *what in listener.told[1:] if who == name]
        assert [len(what) for what in told] == [2, 1, 1, 1]
        assert told[1:] == [[1], [2], ["finished"]]
    assert listener.told[0] == Workers(2, one_share)
    for file in ("predictions.csv", "metrics.json"):
        assert (tmp_path / "both" / file).read_bytes() == (tmp_path / "each" / file).read_bytes()


def test_a_finished_protocol_starts_no_process(synthetic, tmp_path, feature_cache, monkeypatch):
    runs = plan(synthetic, CONFIG, [0])
    done = train_all(synthetic, runs, tmp_path / "run", CONFIG, cache=feature_cache)
    monkeypatch.setattr(cross_validation, "side_by_side", None)
    monkeypatch.setattr(cross_validation, "best_workers", None)
    again = train_all(synthetic, runs, tmp_path / "run", CONFIG, cache=feature_cache, resume=True, jobs=None)
    accuracies = [[run.report.weighted_accuracy for run in runs.values()] for runs in (again, done)]
    assert accuracies[0] == accuracies[1]
