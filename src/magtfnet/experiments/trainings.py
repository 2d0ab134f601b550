"""Trainings that are to be done, one after another or side by side, of one experiment or of many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from magtfnet.classical import CLASSICAL, NEED_WEIGHTS, create_classical
from magtfnet.config import ExperimentConfig
from magtfnet.cores import cores
from magtfnet.corpora import Corpus, Split
from magtfnet.errors import DivergenceError, RunDirectoryError
from magtfnet.experiments.classical_run import train_classical
from magtfnet.experiments.preparation import learns_in_epochs, prepare_training, run_name
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun, train_network
from magtfnet.experiments.workers import Tell, Workers, best_workers, share_cores, side_by_side
from magtfnet.features import FeatureStore
from magtfnet.progress import Progress, silent
from magtfnet.training.device import choose_device
from magtfnet.training.epoch_loop import Epoch
from magtfnet.training.threads import threads
from magtfnet.training.trainer import OnEpoch


@dataclass(frozen=True)
class PlannedRun:
    """A training that is to be done: a split and a seed."""

    split: Split
    seed: int

    @property
    def name(self) -> str:
        """Its name among the others."""
        return run_name(self.split, self.seed)


@dataclass(frozen=True)
class Training:
    """One planned run with all that it needs, ready to be done in this process or in another."""

    corpus: Corpus
    run: PlannedRun
    folder: Path
    config: ExperimentConfig
    resume: bool
    store: FeatureStore

    def do(self, on_epoch: OnEpoch, progress: Progress) -> TrainedRun:
        """Train, and tell each epoch and each batch."""
        try:
            return self._do(on_epoch, progress)
        except DivergenceError as error:
            system = self.config.model.name
            raise DivergenceError(f"{system}, {self.run.name}: {error}", system) from error

    def _do(self, on_epoch: OnEpoch, progress: Progress) -> TrainedRun:
        if self.config.model.name in CLASSICAL:
            return train_classical(
                self.corpus,
                self.run.split,
                self.folder,
                self.config,
                seed=self.run.seed,
                resume=self.resume,
                store=self.store,
            )
        return train_network(
            self.corpus,
            self.run.split,
            self.folder,
            self.config,
            seed=self.run.seed,
            resume=self.resume,
            store=self.store,
            on_epoch=on_epoch,
            progress=progress,
        )

    def __call__(self, tell: Tell) -> TrainedRun:
        """Train in a worker: tell None at the start, then each epoch's row."""
        tell(None)
        return self.do(tell, silent)


def train(
    corpus: Corpus,
    split: Split,
    run_dir: str | Path,
    config: ExperimentConfig = ExperimentConfig(),
    *,
    seed: int = 0,
    resume: bool = False,
    store: FeatureStore | None = None,
    cache: Path | None = None,
    on_epoch: OnEpoch = lambda row: None,
    progress: Progress = silent,
) -> TrainedRun:
    """Train on a split's training part, select on its validation part, then score its test part once.

    Args:
        corpus: what the split is of.
        split: who is trained on, selects and is tested.
        run_dir: the run directory, which must not exist unless ``resume``.
        config: the experiment; its model is a network or a classical system.
        seed: of initial weights, order and dropout.
        resume: go on with an unfinished run of the same settings; a finished one is read.
        store: what ``prepare_training`` returned, where several trainings share it.
        cache: where features are kept, without a store; ``default_cache()`` where not given.
        on_epoch: told each epoch's row; a classical system has none.
        progress: told batches and features.

    Raises:
        RunDirectoryError: the directory is in the way, began with other settings, or another process is at work there.
        UnknownNameError: no such model or classical system.
        ConfigError: the model refuses its configuration, or the device is not there.
        MissingExtraError: the system needs a library that is not installed.
        AudioError: a recording that cannot be used.
        DivergenceError: the loss is no longer a number.
    """
    RunDirectory(run_dir).refuse_if_there(resume=resume)
    if store is None:
        utterances = [utterance for part in split.parts().values() for utterance in part]
        store = prepare_training(corpus, utterances, config, cache=cache, progress=progress)
    training = Training(corpus, PlannedRun(split, seed), Path(run_dir), config, resume, store)
    return training.do(on_epoch, progress)


class Announce:
    """What is told of trainings; each method says nothing unless overridden."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Be told how far features and epochs are."""

    def workers(self, workers: Workers) -> None:
        """Be told how many trainings run side by side."""

    def starting(self, training: Training, number: int, total: int) -> OnEpoch:
        """Be told of a training that starts; return what is told its epochs."""
        return lambda row: None

    def finished(self, training: Training, run: TrainedRun) -> None:
        """Be told of a training that came to its end."""


def refuse_to_forget(out: Path, folders: Sequence[Path]) -> None:
    """Refuse to write a report that would lack runs which lie finished in its folder.

    Raises:
        RunDirectoryError: there are runs that are none of ``folders``.
    """
    finished = (path.parent for path in out.rglob("metrics.json"))
    more = sorted(set(finished) - set(folders) - {out})
    if more:
        raise RunDirectoryError(
            f"{out}: has {len(more)} finished runs that were not asked for, {more[0].relative_to(out)} among them; ask "
            "for these as well, or choose another folder"
        )


def choose_workers(
    config: ExperimentConfig, num_classes: int, trainings: int, jobs: int | None, announce: Announce
) -> Workers:
    """Return how trainings share the machine; several processes share a GPU only where the user says so.

    Args:
        config: whose model is tried where ``jobs`` is None.
        num_classes: K.
        trainings: how many there are to do.
        jobs: trainings side by side; None lets a short trial decide.
        announce: told that there is a trial.
    """
    if trainings < 2 or jobs == 1:
        return Workers(1, torch.get_num_threads())
    if jobs is None:
        if not learns_in_epochs(config, num_classes):
            return share_cores(min(cores(), trainings))
        if choose_device(config.training.device).type != "cpu":
            return Workers(1, torch.get_num_threads())
        announce.progress("trial of processes", 0, 1)
        return best_workers(config, num_classes, trainings)
    return share_cores(min(jobs, trainings))


def do_all(trainings: Sequence[Training], workers: Workers, announce: Announce) -> list[TrainedRun]:
    """Do all trainings; return their results in the same order.

    Raises:
        MagtfnetError: as ``train``.
        WorkerError: a process was killed.
        RunDirectoryError: what is finished of a system began with other pretrained weights than are there now.
    """
    _refuse_mixed_weights(trainings)
    if workers.processes > 1:
        announce.workers(workers)
        done = dict(_side_by_side(trainings, workers, announce))
    else:
        with threads(workers.threads):
            done = dict(_one_by_one(trainings, announce))
    return [done[number] for number in range(len(trainings))]


def _refuse_mixed_weights(trainings: Sequence[Training]) -> None:
    """Refuse to go on with a pretrained system whose finished runs began with other weights than are there now.

    Raises:
        RunDirectoryError: there is one; its table would be of two systems.
    """
    finished: dict[str, dict[str, Path]] = {}
    left: dict[str, Training] = {}
    for training in trainings:
        name, directory = training.config.model.name, RunDirectory(training.folder)
        if name not in NEED_WEIGHTS:
            continue
        if not directory.complete:
            left[name] = training
        elif began_with := directory.read_metrics().get("training", {}).get("weights"):
            finished.setdefault(name, {})[began_with] = training.folder
    for name in finished.keys() & left.keys():
        now = create_classical(name, **left[name].config.model.overrides).weights_digest
        for began_with, folder in finished[name].items():
            if began_with != now:
                raise RunDirectoryError(
                    f"{folder}: {name} began with pretrained weights of the digest {began_with}, now {now}; resume "
                    "with the same weights, or choose another folder"
                )


def do_all_but_diverging(
    trainings: Sequence[Training], workers: Workers, announce: Announce, *, needed: str
) -> tuple[list[tuple[Training, TrainedRun]], dict[str, str]]:
    """Do all trainings but those of systems that diverge, whose runs that came to their end are kept on the disk.

    Args:
        trainings: that are to be done, with ``resume``; one that is done is read.
        workers: how they share the machine.
        announce: told what happens.
        needed: the system with which the others are compared.

    Returns:
        each training of a system that never diverged with its result, and what was found of the other systems.

    Raises:
        MagtfnetError: as ``train``; divergence of the needed system alone.
        WorkerError: a process was killed.
    """
    diverged: dict[str, str] = {}
    while True:
        left = [training for training in trainings if training.config.model.name not in diverged]
        try:
            return list(zip(left, do_all(left, workers, announce), strict=True)), diverged
        except DivergenceError as error:
            if error.system in (None, needed):
                raise
            diverged[error.system] = str(error)


def _one_by_one(trainings: Sequence[Training], announce: Announce) -> Iterator[tuple[int, TrainedRun]]:
    for number, training in enumerate(trainings):
        on_epoch = announce.starting(training, number + 1, len(trainings))
        result = training.do(on_epoch, announce.progress)
        announce.finished(training, result)
        yield number, result


def _side_by_side(
    trainings: Sequence[Training], workers: Workers, announce: Announce
) -> Iterator[tuple[int, TrainedRun]]:
    listeners: dict[int, OnEpoch] = {}

    def hear(number: int, row: Epoch | None) -> None:
        if row is None:
            listeners[number] = announce.starting(trainings[number], number + 1, len(trainings))
        else:
            listeners[number](row)

    announce.progress("trainings", 0, len(trainings))
    for count, (number, result) in enumerate(side_by_side(trainings, workers, hear), start=1):
        announce.finished(trainings[number], result)
        announce.progress("trainings", count, len(trainings))
        yield number, result
