"""The paper again: every model of its tables on every corpus at hand, trained where it is missing.

A reproduction is a folder in which ``corpus/protocol/model/fold_00_seed_0`` and so on are run directories like any
other; the reports are written from these alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from magtfnet.classical import CLASSICAL
from magtfnet.config import ExperimentConfig, ModelConfig, ProtocolConfig
from magtfnet.corpora import Corpus
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.errors import ConfigError, SplitError
from magtfnet.evaluation import AggregateReport, EvaluationReport
from magtfnet.experiments.cross_validation import plan
from magtfnet.experiments.paper_tables import FULL, TABLES
from magtfnet.experiments.preparation import check_settings, prepare_training, with_system
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun
from magtfnet.experiments.trainings import (
    Announce,
    PlannedRun,
    Training,
    choose_workers,
    do_all_but_diverging,
    refuse_to_forget,
)
from magtfnet.features import FeatureStore

OURS = frozenset(row.model for number, table in TABLES.items() if number != 4 for row in table.rows)
"""Models of one family, whose sizes ``--set model.*`` changes together; other systems keep their papers'."""
RIVALS = frozenset(row.model for row in TABLES[4].rows)
"""Systems that the paper is compared with, and its own."""
PAPERS_PROTOCOL = "speaker_dependent_8_1_1"
SPEAKERS_APART = "speaker_independent_k_fold"
PUBLISHED_FOLDS = "folds_from"
FOLDS = 5
"""Of whole speakers, where the corpus has as many."""


@dataclass(frozen=True)
class Study:
    """One model under one protocol on one corpus, each by its name."""

    corpus: str
    protocol: str
    model: str

    @property
    def folder(self) -> Path:
        """Where its runs lie in a reproduction."""
        return Path(self.corpus, self.protocol, self.model)


@dataclass(frozen=True)
class Request:
    """What is to be reproduced.

    Args:
        corpora: by name, as loaded.
        tables: the paper's numbers.
        seeds: of the paper's protocol, each with a split of its own.
        folds: published folds by the corpus' name, on which the full system is trained too.
        speakers_apart: train everything on folds of whole speakers as well.
        quick: one epoch of one seed and one fold: a rehearsal, not a result.

    Raises:
        ConfigError: a table that is not there, or folds of a corpus that is not there.
    """

    corpora: Mapping[str, Corpus]
    tables: Sequence[int] = (2, 3, 5, 6)
    seeds: int = 5
    folds: Mapping[str, Path] = field(default_factory=dict)
    speakers_apart: bool = True
    quick: bool = False

    def __post_init__(self) -> None:
        for number in self.tables:
            if number not in TABLES:
                known = ", ".join(map(str, TABLES))
                raise ConfigError(
                    f"table {number} cannot be reproduced, expected some of {known}; name these"
                )
        for name in self.folds:
            if name not in self.corpora:
                raise ConfigError(f"folds of '{name}' without its corpus; give --corpus {name}=ROOT too")

    def models(self, corpus: str) -> list[str]:
        """Return the models that the wanted tables have for a corpus, the full system first."""
        tables = [TABLES[number] for number in self.tables]
        rows = [row.model for table in tables if corpus in table.corpora for row in table.rows]
        return list(dict.fromkeys([FULL, *rows]))

    def protocols(self, name: str, corpus: Corpus) -> Iterator[ProtocolConfig]:
        """Yield the protocols for a corpus: the paper's, published folds where given, speakers apart."""
        yield ProtocolConfig(name=PAPERS_PROTOCOL)
        if name in self.folds:
            yield ProtocolConfig(name=PUBLISHED_FOLDS, file=str(self.folds[name]))
        if self.speakers_apart:
            speakers = len({utterance.speaker for utterance in corpus})
            yield ProtocolConfig(name=SPEAKERS_APART, folds=max(2, min(FOLDS, speakers)))


@dataclass(frozen=True)
class PlannedStudy:
    """The runs of a study, and the experiment that they are."""

    study: Study
    config: ExperimentConfig
    runs: Sequence[PlannedRun]


@dataclass(frozen=True)
class Reproduction:
    """What came of a request.

    Args:
        request: what was asked for.
        config: the recipe.
        reports: of each study, by run.
        refused: protocols that a corpus cannot satisfy, and why.
        learnt: how many numbers a classical system learnt in its first run.
        rivals: the runs of Table 4's systems, whose costs are compared too.
        diverged: models of which a training has no result, and what was found.
    """

    request: Request
    config: ExperimentConfig
    reports: Mapping[Study, AggregateReport]
    refused: Mapping[str, str]
    learnt: Mapping[Study, int] = field(default_factory=dict)
    rivals: Mapping[Study, Sequence[TrainedRun]] = field(default_factory=dict)
    diverged: Mapping[str, str] = field(default_factory=dict)


def reproduce(
    request: Request,
    out: Path,
    config: ExperimentConfig,
    *,
    resume: bool = False,
    cache: Path | None = None,
    jobs: int | None = None,
    announce: Announce = Announce(),
) -> Reproduction:
    """Train what is missing, and return the scores of all.

    A model that diverges is left out everywhere; its runs that came to their end are kept.

    Args:
        request: what is to be reproduced.
        out: the folder of the reproduction.
        config: the recipe; model and protocol are the tables'.
        resume: go on with what was begun there, with more seeds, tables or corpora where asked.
        cache: where features are kept; ``default_cache()`` where not given.
        jobs: trainings side by side; None lets a short trial decide.
        announce: told what happens.

    Raises:
        MagtfnetError: as ``train``; divergence of the full system alone.
        WorkerError: a process was killed.
    """
    refuse_what_tables_set(config)
    if request.quick:
        config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})
    directory = RunDirectory(out)
    directory.refuse_if_there(resume=resume)
    stores = {
        name: prepare_training(corpus, corpus, config, cache=cache, progress=announce.progress)
        for name, corpus in request.corpora.items()
    }
    studies, refused = plan_studies(request, config)
    for planned in studies:
        check_settings(planned.config, len(request.corpora[planned.study.corpus].labels))
    directory.open(config, {"kind": "rehearsal" if request.quick else "reproduction"}, resume=resume)
    work = {
        training.folder: (study.study, training)
        for study, run in in_best_order(studies)
        for training in [_training(request, study, run, out, stores)]
    }
    refuse_to_forget(out, list(work))
    unfinished = sum(not RunDirectory(folder).complete for folder in work)
    classes = max(len(corpus.labels) for corpus in request.corpora.values())
    workers = choose_workers(config, classes, unfinished, jobs, announce)
    with RunDirectory(out).alone():
        done, diverged = do_all_but_diverging(
            [training for _, training in work.values()], workers, announce, needed=FULL
        )
    runs: dict[Study, dict[str, EvaluationReport]] = {}
    learnt: dict[Study, int] = {}
    rivals: dict[Study, list[TrainedRun]] = {}
    for training, run in done:
        study, _ = work[training.folder]
        runs.setdefault(study, {})[run.name] = run.report
        if 4 in request.tables and study.model in RIVALS and study.corpus in TABLES[4].corpora:
            rivals.setdefault(study, []).append(run)
        if study.model in CLASSICAL and study not in learnt:
            learnt[study] = int(RunDirectory(run.folder).read_metrics()["training"]["parameters"])
    reports = {study: AggregateReport(by_run) for study, by_run in runs.items()}
    return Reproduction(request, config, reports, refused, learnt, rivals, diverged)


def refuse_what_tables_set(config: ExperimentConfig) -> None:
    """Refuse a configuration that names what the tables decide.

    Raises:
        ConfigError: the first such key.
    """
    fixed = {"encoder", "context", "lld_input", "graph_order", "kernel_sizes"} & config.model.overrides.keys()
    if fixed or config.model.name != FULL:
        raise ConfigError(f"model.{min(fixed, default='name')} is set by the tables' rows; leave it away")
    if config.protocol not in (ProtocolConfig(), ProtocolConfig(name=PAPERS_PROTOCOL)):
        raise ConfigError("protocol.* is set by the command; leave it away")


def plan_studies(request: Request, config: ExperimentConfig) -> tuple[list[PlannedStudy], dict[str, str]]:
    """Return every study with its runs, and the protocols that a corpus cannot satisfy, with the reason.

    Raises:
        SplitError: published folds do not fit their corpus, or no protocol can be satisfied.
    """
    studies: list[PlannedStudy] = []
    refused: dict[str, str] = {}
    for name, corpus in request.corpora.items():
        duplicates = find_duplicates(corpus)
        for protocol in request.protocols(name, corpus):
            one = request.quick or protocol.name != PAPERS_PROTOCOL  # folds repeat a training by themselves
            seeds, fold = range(1 if one else request.seeds), 0 if request.quick else None
            settings = config.model_copy(update={"protocol": protocol})
            try:
                runs = plan(corpus, settings, seeds, fold, duplicates=duplicates)
            except SplitError as error:
                if protocol.name == PUBLISHED_FOLDS:  # they were asked for by name
                    raise
                refused[f"{protocol.name} on {name}"] = str(error)
                continue
            for model in [FULL] if protocol.name == PUBLISHED_FOLDS else request.models(name):
                model_config = ModelConfig(name=model, **(config.model.overrides if model in OURS else {}))
                experiment = with_system(settings, model_config)
                studies.append(PlannedStudy(Study(name, protocol.name, model), experiment, runs))
    if not studies:
        raise SplitError("; ".join(f"{what}: {why}" for what, why in refused.items()))
    return studies, refused


def in_best_order(studies: Sequence[PlannedStudy]) -> list[tuple[PlannedStudy, PlannedRun]]:
    """Return the runs of all studies, each model's first before any model's second, so that tables fill evenly."""
    places = {study.study: (study.study.corpus, study.study.protocol) for study in studies}
    order = list(dict.fromkeys(places.values()))
    items = [(study, number) for study in studies for number in range(len(study.runs))]
    items.sort(key=lambda item: (order.index(places[item[0].study]), item[1]))  # stable: models stay in order
    return [(study, study.runs[number]) for study, number in items]


def _training(
    request: Request, study: PlannedStudy, run: PlannedRun, out: Path, stores: Mapping[str, FeatureStore]
) -> Training:
    return Training(
        request.corpora[study.study.corpus],
        run,
        out / study.study.folder / run.name,
        study.config,
        resume=True,
        store=stores[study.study.corpus],
    )
