"""Search for a configuration by validation WA, with Optuna. The test part of the split never enters.

A study is a folder: ``study.db`` (SQLite) has every trial, so a search that was killed goes on; trials run side
by side; one that is clearly worse than the others at the same epoch is given up.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import OptunaError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from magtfnet.classical import CLASSICAL
from magtfnet.config import ExperimentConfig, changed
from magtfnet.corpora import Corpus
from magtfnet.errors import ConfigError, DivergenceError, RunDirectoryError
from magtfnet.experiments.cross_validation import plan
from magtfnet.experiments.preparation import DevelopmentParts, fingerprint, prepare_training
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.search_space import PAPERS_GRID, SearchSpace
from magtfnet.experiments.training_run import learn
from magtfnet.experiments.trainings import Announce, choose_workers
from magtfnet.experiments.workers import Tell, Workers, side_by_side
from magtfnet.recognizer.bundle import build
from magtfnet.training.device import choose_device
from magtfnet.training.epoch_loop import Epoch
from magtfnet.training.seeding import derived_seed, seeded
from magtfnet.training.threads import threads

Sampler = Literal["grid", "tpe"]
OnTrial = Callable[[FrozenTrial], None]
STUDY = "search"
WARM_UP = 10
"""Epochs that every trial may take, and trials that must have ended, before one is given up."""
WHY = "why"
"""The attribute of a trial that says why it has no score."""
INSTEAD_OF = "instead_of"
"""The attribute of a trial that names the interrupted one whose point it does."""


@dataclass(frozen=True)
class SearchPlan:
    """What is searched for.

    Args:
        space: keys with choices or ranges.
        sampler: every point of a grid, or where earlier trials did well (TPE: Bergstra et al., NeurIPS 2011).
        trials: how many; a grid has as many as points.
        prune: whether trials that fall behind the median are given up; where not said only TPE's.
        seed: of the split, the weights and the sampler.
        fold: of the protocol, where it has several.

    Raises:
        ConfigError: ranges for a grid, or no number of trials for TPE.
    """

    space: SearchSpace = PAPERS_GRID
    sampler: Sampler = "grid"
    trials: int | None = None
    prune: bool | None = None
    seed: int = 0
    fold: int = 0

    def __post_init__(self) -> None:
        if self.sampler == "grid" and not self.space.is_grid:
            raise ConfigError(
                "a grid needs a list of choices for every key, found a range; use --sampler tpe"
            )
        if self.sampler == "grid" and self.trials is not None:
            raise ConfigError(f"a grid tries all its {self.space.size} points; leave --trials away")
        if self.sampler == "tpe" and self.trials is None:
            raise ConfigError("TPE may go on for ever; say how many trials with --trials")

    @property
    def total(self) -> int:
        """How many trials there will be."""
        return self.space.size if self.trials is None else self.trials

    def facts(self) -> dict[str, Any]:
        """Return what makes a study what it is; the number of trials may grow."""
        return {"space": self.space.plain(), "sampler": self.sampler, "seed": self.seed, "fold": self.fold}


@dataclass(frozen=True)
class SearchTrial:
    """One more trial, ready to be done in this process or in another.

    Args:
        folder: of the study.
        config: what the point changes.
        plan: the search.
        parts: what is learnt from, and what scores.
        number: among all trials ever begun there; it decides what the sampler draws, so no two draw alike.
    """

    folder: Path
    config: ExperimentConfig
    plan: SearchPlan
    parts: DevelopmentParts
    number: int

    def __call__(self, tell: Tell) -> FrozenTrial:
        """Take the next point, train, record its best validation WA, and return all that is recorded."""
        study, taken = _open(self.folder, self.plan, self.number), []

        def objective(trial: optuna.Trial) -> float:
            taken.append(trial.number)
            return self._score(trial, self.plan.space.suggest(trial))

        with _study_of(self.folder):
            study.optimize(objective, n_trials=1)
            return study.get_trials(deepcopy=False)[taken[0]]

    def _score(self, trial: optuna.Trial, values: Mapping[str, Any]) -> float:
        def on_epoch(row: Epoch) -> None:
            trial.report(row["validation_WA"], int(row["epoch"]))
            if trial.should_prune():
                _give_up(trial, f"behind the median at epoch {row['epoch']:.0f}")

        try:
            config = changed(self.config, values)
            device = choose_device(config.training.device)
            with seeded(self.plan.seed):
                model, standardizer = build(
                    len(self.parts.labels), config.audio, config.features, config.model
                )
            result = learn(
                model,
                standardizer,
                self.parts,
                config,
                seed=self.plan.seed,
                device=device,
                on_epoch=on_epoch,
            )
        except (ConfigError, DivergenceError) as error:
            _give_up(trial, str(error))
        best = result.history[result.best_epoch - 1]
        for key in ("epoch", "validation_UA", "validation_loss"):
            trial.set_user_attr(key, best[key])
        return best["validation_WA"]


def _give_up(trial: optuna.Trial, why: str) -> None:
    trial.set_user_attr(WHY, why)
    raise optuna.TrialPruned(why)


def search(
    corpus: Corpus,
    folder: Path,
    config: ExperimentConfig,
    wanted: SearchPlan,
    *,
    resume: bool = False,
    cache: Path | None = None,
    jobs: int | None = None,
    announce: Announce = Announce(),
    on_trial: OnTrial = lambda trial: None,
) -> list[FrozenTrial]:
    """Try points until there are as many as wanted; return all that came to an end, in their order.

    Args:
        corpus: what is trained on.
        folder: of the study.
        config: what the points change.
        wanted: the search.
        resume: go on with what was begun there, with more trials where asked.
        cache: where features are kept; ``default_cache()`` where not given.
        jobs: trials side by side; None lets a short trial of the machine decide.
        announce: told how far it is.
        on_trial: told each trial that came to an end.

    Raises:
        MagtfnetError: the corpus, the configuration or the folder cannot be used.
        WorkerError: a process was killed.
    """
    if config.model.name in CLASSICAL:
        raise ConfigError(
            f"model.name = '{config.model.name}' chooses its own settings on validation data; search a network"
        )
    directory = RunDirectory(folder)
    directory.refuse_if_there(resume=resume)
    wanted.space.refuse_impossible(config, len(corpus.labels))
    parts = development_parts(corpus, config, wanted, cache, announce)
    facts = {
        "corpus": corpus.name,
        "utterances": len(corpus),
        "classes": list(corpus.labels.classes),
        "development_parts": fingerprint(
            {"train": parts.train, "validation": parts.validation or ()}, parts.store
        ),
        "search": json.loads(json.dumps(wanted.facts())),
    }
    directory.open(config, facts, resume=resume)
    with directory.alone(), _study_of(folder):  # so what is marked as running there was killed
        _put_back_what_was_interrupted(_open(folder, wanted))
        unfinished = wanted.total - len(ended(folder, wanted))
        workers = choose_workers(config, len(corpus.labels), unfinished, jobs, announce)
        while (left := wanted.total - len(ended(folder, wanted))) > 0:
            begun = len(_open(folder, wanted).get_trials(deepcopy=False))
            trials = [SearchTrial(folder, config, wanted, parts, begun + more) for more in range(left)]
            _do(trials, workers, wanted.total, announce, on_trial)
        return ended(folder, wanted)


def development_parts(
    corpus: Corpus, config: ExperimentConfig, wanted: SearchPlan, cache: Path | None, announce: Announce
) -> DevelopmentParts:
    """Return training and validation part of the split; the features of its test part are not even computed."""
    split = plan(corpus, config, [wanted.seed], wanted.fold)[0].split
    seen = [*split.train, *split.validation]
    store = prepare_training(corpus, seen, config, cache=cache, progress=announce.progress)
    return DevelopmentParts(store, split.train, split.validation, corpus.labels)


def ended(folder: Path, wanted: SearchPlan) -> list[FrozenTrial]:
    """Return the trials that have a score or were given up; those that a kill interrupted are not among them."""
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return _open(folder, wanted).get_trials(deepcopy=False, states=states)


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the trial with the highest validation WA, of equal ones the lowest loss; None where none has a score."""
    scored = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(scored, key=lambda t: (t.value, -t.user_attrs["validation_loss"]), default=None)


def _open(folder: Path, wanted: SearchPlan, number: int = 0) -> optuna.Study:
    """Open the study; ``number`` decides what the sampler draws next.

    Raises:
        RunDirectoryError: its file is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # in every process
    sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
        seed=derived_seed(wanted.seed, number) % 2**32
    )
    if wanted.sampler == "grid":
        sampler = optuna.samplers.GridSampler(wanted.space.grid(), seed=wanted.seed)
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if wanted.prune if wanted.prune is not None else wanted.sampler == "tpe":
        pruner = optuna.pruners.MedianPruner(n_startup_trials=WARM_UP, n_warmup_steps=WARM_UP)
    file = folder.resolve() / "study.db"
    with _study_of(folder):
        return optuna.create_study(
            storage=optuna.storages.RDBStorage(  # an address would read ?, # and % in the path otherwise
                "sqlite:///study.db",
                engine_kwargs={"creator": lambda: sqlite3.connect(file, check_same_thread=False)},
            ),
            sampler=sampler,
            pruner=pruner,
            study_name=STUDY,
            direction="maximize",
            load_if_exists=True,
        )


@contextmanager
def _study_of(folder: Path) -> Iterator[None]:
    """Within, what is wrong with the file of a study is one line.

    Raises:
        RunDirectoryError: it is damaged, or cannot be written.
    """
    try:
        yield
    except (SQLAlchemyError, OptunaError) as error:
        reason = str(error).splitlines()[0]
        raise RunDirectoryError(
            f"{folder}: study.db is damaged or cannot be written ({reason}); check the disk, or choose another folder"
        ) from error


def _put_back_what_was_interrupted(study: optuna.Study) -> None:
    """Queue the points of trials that have no end: a kill leaves them running, an interrupt or an error as failed.

    Nobody else is at work here. A trial that was put back already is known by the one in its place.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    put_back = {trial.user_attrs.get(INSTEAD_OF) for trial in trials}
    for trial in trials:
        if trial.state is TrialState.FAIL and trial.number not in put_back:
            study.add_trial(
                optuna.create_trial(
                    state=TrialState.WAITING,
                    params=trial.params,
                    distributions=trial.distributions,
                    system_attrs=trial.system_attrs,
                    user_attrs={INSTEAD_OF: trial.number},
                )
            )


def _do(
    trials: Sequence[SearchTrial], workers: Workers, total: int, announce: Announce, on_trial: OnTrial
) -> None:
    done = total - len(trials)
    announce.progress("trials", done, total)
    for count, trial in enumerate(_results(trials, workers, announce), start=done + 1):
        on_trial(trial)
        announce.progress("trials", count, total)


def _results(trials: Sequence[SearchTrial], workers: Workers, announce: Announce) -> Iterator[FrozenTrial]:
    if workers.processes == 1:
        with threads(workers.threads):
            for trial in trials:
                yield trial(lambda message: None)
        return
    announce.workers(workers)
    for _, result in side_by_side(trials, workers, lambda number, message: None):
        yield result
