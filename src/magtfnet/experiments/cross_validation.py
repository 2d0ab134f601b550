"""A whole protocol: every fold with every seed, each in its own run directory, and their scores together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.corpora.protocols import make_splits
from magtfnet.errors import SplitError
from magtfnet.evaluation import AggregateReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun, prepare_training, run_name, train
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
    announce: Announce = Announce(),
) -> dict[str, TrainedRun]:
    """Train every planned run; one lies in ``run_dir`` itself, several in folders of it with pooled files.

    Raises:
        MagtfnetError: as ``train``.
    """
    directory = RunDirectory(run_dir)
    directory.refuse_if_there(resume=resume)
    store = prepare_training(corpus, corpus, config, cache=cache, progress=announce.progress)
    several = len(runs) > 1
    if several:
        facts = {"corpus": corpus.name, "utterances": len(corpus), "runs": [run.name for run in runs]}
        directory.open(config, facts, resume=resume)
    done: dict[str, TrainedRun] = {}
    for number, run in enumerate(runs, start=1):
        folder = run_dir / run.name if several else run_dir
        on_epoch = announce.starting(run, number, len(runs))
        done[run.name] = train(
            corpus,
            run.split,
            folder,
            config,
            seed=run.seed,
            resume=resume,
            store=store,
            on_epoch=on_epoch,
            progress=announce.progress,
        )
        announce.finished(done[run.name])
    if several:
        _write_pooled(directory, corpus, config, done)
    return done


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
