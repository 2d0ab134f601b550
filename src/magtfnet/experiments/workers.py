"""Work side by side, each piece in a process of its own.

How many processes of how many threads are fastest depends on the machine: a short trial tells. Processes are
spawned, not forked, since torch's threads do not survive a fork.
"""

import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import BrokenBarrierError, Thread
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from magtfnet.config import ExperimentConfig
from magtfnet.cores import cores
from magtfnet.errors import WorkerError
from magtfnet.features import FeatureBatch
from magtfnet.recognizer.bundle import build
from magtfnet.training.kept_memory import kept_memory
from magtfnet.training.optimizers import make_optimizer
from magtfnet.training.seeding import seeded
from magtfnet.training.steps import Learner

TRIAL_STEPS = 5
TRIAL_FRAMES = 280
"""Frames of each utterance of a trial: 2.8 s, the mean of EMO-DB."""
POLL_SECONDS = 0.2
LONGEST_START = 300.0
"""Seconds after which a process that should have started is given up."""

Tell = Callable[[Any], None]
Work = Callable[[Tell], Any]


@dataclass(frozen=True)
class Workers:
    """How many processes, and how many threads each has."""

    processes: int
    threads: int


def share_cores(processes: int) -> Workers:
    """Return so many processes with an equal share of the cores each, at least one."""
    return Workers(processes, max(1, cores() // processes))


def best_workers(config: ExperimentConfig, num_classes: int, trainings: int) -> Workers:
    """Return the division of this machine's cores that takes the most steps a second, by trying each.

    Args:
        config: whose model and batch size are tried, on random features.
        num_classes: K.
        trainings: how many there are to do; more processes than that are not tried.
    """
    total = cores()
    candidates = [share_cores(n) for n in range(1, min(total, trainings) + 1) if total % n == 0]
    if len(candidates) == 1:
        return candidates[0]
    return max(candidates, key=lambda workers: steps_a_second(workers, config, num_classes))


def steps_a_second(workers: Workers, config: ExperimentConfig, num_classes: int) -> float:
    """Take a few training steps in all processes at once; return how many a second all took together."""
    barrier = multiprocessing.get_context("spawn").Barrier(workers.processes)
    pool = _pool(workers, barrier)
    try:
        trials = [pool.submit(_trial, config, num_classes) for _ in range(workers.processes)]
        seconds = [trial.result() for trial in trials]
    except (BrokenProcessPool, BrokenBarrierError, RuntimeError):  # too much for this machine
        return 0.0
    finally:
        _stop(pool, at_once=True)
    return workers.processes / statistics.mean(seconds)


def side_by_side(
    works: Sequence[Work], workers: Workers, on_message: Callable[[int, Any], None]
) -> Iterator[tuple[int, Any]]:
    """Do every work in a process; yield the number and the result of each as it is done.

    Args:
        works: called in a process with a function that sends messages here; they must be picklable.
        workers: processes and threads.
        on_message: given the number of a work and each of its messages, all before its result is yielded.

    Raises:
        WorkerError: a process was killed.
        Exception: what a work raised; the others are stopped.
    """
    messages = multiprocessing.get_context("spawn").SimpleQueue()
    pool = _pool(workers, messages)
    unfinished: dict[Future[Any], int] = {}
    try:
        for number, work in enumerate(works):
            unfinished[pool.submit(_do, number, work)] = number
        while unfinished:
            done, _ = wait(unfinished, POLL_SECONDS, FIRST_COMPLETED)
            while not messages.empty():
                on_message(*messages.get())
            for future in done:
                yield unfinished.pop(future), future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a training process ended without a result, perhaps killed for want of memory; go on with --resume "
            "and fewer --jobs (a script of your own needs the guard if __name__ == '__main__')"
        ) from error
    finally:
        _stop(pool, at_once=bool(unfinished))


_shared: Any = None
"""In a worker: what its pool shares with it, a queue of messages or a barrier."""


def _pool(workers: Workers, shared: Any) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers.processes, context, _begin, (workers.threads, shared))


def _stop(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End the pool; ``at_once`` where another failed or the user stopped, and nobody waits for what still runs."""
    processes = list((pool._processes or {}).values())
    if at_once:
        for process in processes:
            process.terminate()
    pool.shutdown(cancel_futures=True)


def _begin(threads: int, shared: Any) -> None:
    """Set up a worker, which leaves Ctrl-C to its parent and ends when the parent has ended."""
    global _shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    _shared = shared


def _end_with_parent() -> None:
    """A worker whose parent was killed would write a run directory that somebody else may have resumed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(number: int, work: Work) -> Any:
    return work(lambda message: _shared.put((number, message)))


def _trial(config: ExperimentConfig, num_classes: int) -> float:
    """Return the median seconds of a step, taken while all other processes of the pool take theirs."""
    with kept_memory():  # as trainings do
        return _median_step(config, num_classes)


def _median_step(config: ExperimentConfig, num_classes: int) -> float:
    try:
        learner, features, targets = _trial_inputs(config, num_classes)
        learner.learn(features, targets)  # the first step sets everything up
    except BaseException:
        _shared.abort()  # or the others would wait for this one
        raise
    _shared.wait(LONGEST_START)
    seconds = []
    for _ in range(TRIAL_STEPS):
        start = time.perf_counter()
        learner.learn(features, targets)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _trial_inputs(config: ExperimentConfig, num_classes: int) -> tuple[Learner, FeatureBatch, Tensor]:
    size = config.training.batch_size
    with seeded(0):
        model, _ = build(num_classes, config.audio, config.features, config.model)
        sizes = model.config.model_dump()
        features = FeatureBatch(
            torch.randn(size, TRIAL_FRAMES, sizes["n_mels"]),
            torch.randn(size, TRIAL_FRAMES, sizes["num_descriptors"]),
            torch.randn(size, sizes["num_functionals"]),
            torch.full((size,), TRIAL_FRAMES),
        )
    optimizer = make_optimizer(model, config.training, torch.device("cpu"))
    return Learner(model.train(), optimizer, config.training), features, torch.arange(size) % num_classes
