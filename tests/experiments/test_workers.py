"""Trainings side by side: the same results, messages in order, failures told."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from tiny_model import TINY

from magtfnet import AudioError, WorkerError, load_config
from magtfnet.cores import cores
from magtfnet.experiments import trainings, workers
from magtfnet.experiments.cross_validation import plan, train_all
from magtfnet.experiments.trainings import Announce, choose_workers
from magtfnet.experiments.workers import (
    Workers,
    best_workers,
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
        WorkerError,
        match="ended without a result, perhaps killed for want of memory; go on with --resume and fewer --jobs",
    ):
        list(side_by_side([die], Workers(1, 1), lambda *message: None))


def wait_long(tell):
    tell(os.getpid())
    time.sleep(600)


def ended(process, within=20):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not alive(process):
            return True
        time.sleep(0.05)
    return False


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class LeftError(Exception):
    pass


def leave(number, process):
    raise LeftError(process)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc: none here")
def test_whoever_stops_listening_stops_the_work():
    with pytest.raises(LeftError) as left:
        list(side_by_side([wait_long], Workers(1, 1), leave))
    assert ended(left.value.args[0])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc: none here")
def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, time
            from magtfnet.experiments.workers import Workers, side_by_side

            def wait_long(tell):
                import os
                tell(os.getpid())
                time.sleep(600)

            if __name__ == "__main__":
                list(side_by_side([wait_long], Workers(1, 1), lambda number, pid: print(pid, flush=True)))
            """
        )
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.kill()
    assert ended(worker)


def test_a_trial_that_fails_is_no_choice():
    broken = CONFIG.model_copy(update={"model": CONFIG.model.model_copy(update={"name": "magtf_net"})})
    object.__setattr__(broken.training, "batch_size", 10**9)  # no machine has memory for it
    try:
        assert steps_a_second(Workers(2, 1), broken, 3) == 0.0
    finally:
        object.__setattr__(broken.training, "batch_size", 32)


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


@pytest.mark.parametrize("name", ["fisher_discriminant", "functionals_gbm"])
def test_what_takes_no_steps_is_not_tried_and_needs_no_gpu(name, monkeypatch):
    monkeypatch.setattr(trainings, "choose_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(trainings, "best_workers", lambda *arguments: pytest.fail("tried"))
    monkeypatch.setattr(trainings, "cores", lambda: 3)
    config = load_config(overrides=[f"model.name={name}"])
    assert choose_workers(config, 3, 5, None, Announce()).processes == 3


def test_a_gpu_is_not_shared_unless_asked(monkeypatch):
    monkeypatch.setattr(trainings, "choose_device", lambda name: torch.device("cuda"))
    assert choose_workers(CONFIG, 3, 5, None, Announce()).processes == 1
    assert choose_workers(CONFIG, 3, 5, 2, Announce()).processes == 2


class Listener(Announce):
    def __init__(self):
        self.told = []

    def workers(self, workers):
        self.told.append(workers)

    def starting(self, training, number, total):
        self.told.append((training.run.name, number, total))
        return lambda row: self.told.append((training.run.name, row["epoch"]))

    def finished(self, training, run):
        self.told.append((training.run.name, "finished"))


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
    monkeypatch.setattr(trainings, "side_by_side", None)
    monkeypatch.setattr(trainings, "best_workers", None)
    again = train_all(synthetic, runs, tmp_path / "run", CONFIG, cache=feature_cache, resume=True, jobs=None)
    accuracies = [[run.report.weighted_accuracy for run in runs.values()] for runs in (again, done)]
    assert accuracies[0] == accuracies[1]
