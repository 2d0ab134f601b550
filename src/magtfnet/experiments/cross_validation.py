"""A whole protocol: every fold with every seed, each in its own run directory, and their scores together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.corpora.protocols import make_splits
from magtfnet.errors import SplitError
from magtfnet.evaluation import AggregateReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun, prepare_training, run_name, train
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


def plan(
    corpus: Corpus, config: ExperimentConfig, seeds: Sequence[int], fold: int | None = None
) -> list[PlannedRun]:
    """Return every fold of the configured protocol for every seed, or one fold of them.

    The seed also decides who goes where in protocols that draw lots.

    Raises:
        SplitError: the corpus cannot satisfy the protocol, or it has no such fold.
    """
    duplicates = find_duplicates(corpus)
    runs = []
    for seed in seeds:
        splits = make_splits(corpus, config.protocol, seed=seed, duplicates=duplicates)
        if fold is not None and not 0 <= fold < len(splits):
            raise SplitError(
                f"{config.protocol.name} has folds 0 to {len(splits) - 1}, found {fold}; choose one of them"
            )
        runs += [PlannedRun(split, seed) for split in splits if fold is None or split.fold == fold]
    return runs


class Announce:
    """What is told of a whole protocol; each method says nothing unless overridden."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Be told how far features and epochs are."""

    def workers(self, workers: Workers) -> None:
        """Be told how many trainings run side by side."""

    def starting(self, run: PlannedRun, number: int, total: int) -> OnEpoch:
        """Be told of a run that starts; return what is told its epochs."""
        return lambda row: None

    def finished(self, run: TrainedRun) -> None:
        """Be told of a run that came to its end."""


def train_all(
    corpus: Corpus,
    runs: Sequence[PlannedRun],
    run_dir: Path,
    config: ExperimentConfig,
    *,
    resume: bool = False,
    cache: Path | None = None,
    jobs: int | None = 1,
    announce: Announce = Announce(),
) -> dict[str, TrainedRun]:
    """Train every planned run; one lies in ``run_dir`` itself, several in folders of it with pooled files.

    Args:
        corpus: what the splits are of.
        runs: what is to be done.
        run_dir: where the results go.
        config: the experiment.
        resume: go on with what was begun there.
        cache: where features are kept; ``default_cache()`` where not given.
        jobs: trainings side by side, each in a process of its own; None lets a short trial decide. A script that asks
            for more than one needs the guard ``if __name__ == "__main__"``, as processes are spawned.
        announce: told what happens.

    Raises:
        MagtfnetError: as ``train``.
        WorkerError: a process was killed.
    """
    directory = RunDirectory(run_dir)
    directory.refuse_if_there(resume=resume)
    store = prepare_training(corpus, corpus, config, cache=cache, progress=announce.progress)
    several = len(runs) > 1
    if several:
        facts = {"corpus": corpus.name, "utterances": len(corpus), "runs": [run.name for run in runs]}
        directory.open(config, facts, resume=resume)
    folders = [run_dir / run.name if several else run_dir for run in runs]
    unfinished = [n for n, folder in enumerate(folders) if not RunDirectory(folder).complete]
    workers = _workers(config, len(corpus.labels), len(unfinished), jobs, announce)
    trainings = [
        Training(corpus, run, folder, config, resume, store)
        for run, folder in zip(runs, folders, strict=True)
    ]
    if workers.processes > 1:
        announce.workers(workers)
        finished = _side_by_side(trainings, workers, announce)
    else:
        with threads(workers.threads):
            finished = _one_by_one(trainings, announce)
    if several:
        _write_pooled(directory, corpus, config, finished)
    return finished


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
        return train(
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


def _workers(
    config: ExperimentConfig, num_classes: int, trainings: int, jobs: int | None, announce: Announce
) -> Workers:
    """Return how the trainings share the machine; several processes share a GPU only where the user says so."""
    if trainings < 2 or jobs == 1 or (jobs is None and choose_device(config.training.device).type != "cpu"):
        return Workers(1, torch.get_num_threads())
    if jobs is None:
        announce.progress("trial of processes", 0, 1)
        return best_workers(config, num_classes, trainings)
    return share_cores(min(jobs, trainings))


def _one_by_one(trainings: Sequence[Training], announce: Announce) -> dict[str, TrainedRun]:
    done = {}
    for number, training in enumerate(trainings, start=1):
        on_epoch = announce.starting(training.run, number, len(trainings))
        done[training.run.name] = training.do(on_epoch, announce.progress)
        announce.finished(done[training.run.name])
    return done


def _side_by_side(
    trainings: Sequence[Training], workers: Workers, announce: Announce
) -> dict[str, TrainedRun]:
    listeners: dict[int, OnEpoch] = {}

    def hear(number: int, row: Epoch | None) -> None:
        if row is None:
            listeners[number] = announce.starting(trainings[number].run, number + 1, len(trainings))
        else:
            listeners[number](row)

    done: dict[str, TrainedRun] = {}
    announce.progress("trainings", 0, len(trainings))
    for number, result in side_by_side(trainings, workers, hear):
        done[trainings[number].run.name] = result
        announce.finished(result)
        announce.progress("trainings", len(done), len(trainings))
    return {training.run.name: done[training.run.name] for training in trainings}


def _write_pooled(
    directory: RunDirectory, corpus: Corpus, config: ExperimentConfig, done: dict[str, TrainedRun]
) -> None:
    together = AggregateReport({name: run.report for name, run in done.items()})
    together.pooled.save_predictions(directory.path / "predictions.csv")
    facts = {
        "corpus": f"{corpus.info.title} ({len(corpus)} utterances, {corpus.info.licence})",
        "protocol": f"{config.protocol.name}, {len(done)} runs",
        "model": config.model.name,
    }
    page = report_page(f"{config.model.name} on {corpus.name}", facts, together.runs)
    directory.write_text("report.html", page)
    directory.write_metrics(together.to_dict())
