"""A whole protocol: every fold with every seed, each in its own run directory, and their scores together."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.corpora.protocols import make_splits
from magtfnet.errors import SplitError
from magtfnet.evaluation import AggregateReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.preparation import prepare_training
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun
from magtfnet.experiments.trainings import Announce, PlannedRun, Training, choose_workers, do_all


def plan(
    corpus: Corpus,
    config: ExperimentConfig,
    seeds: Sequence[int],
    fold: int | None = None,
    *,
    duplicates: Mapping[str, str] | None = None,
) -> list[PlannedRun]:
    """Return every fold of the configured protocol for every seed, or one fold of them.

    The seed also decides who goes where in protocols that draw lots. ``duplicates`` is what ``find_duplicates``
    returned; the recordings are decoded to find them where it is not given.

    Raises:
        SplitError: the corpus cannot satisfy the protocol, or it has no such fold.
    """
    if duplicates is None:
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
    workers = choose_workers(config, len(corpus.labels), len(unfinished), jobs, announce)
    trainings = [
        Training(corpus, run, folder, config, resume, store)
        for run, folder in zip(runs, folders, strict=True)
    ]
    with directory.alone() if several else nullcontext():
        finished = {run.name: run for run in do_all(trainings, workers, announce)}
        if several:
            _write_pooled(directory, corpus, config, finished)
    return finished


def _write_pooled(
    directory: RunDirectory, corpus: Corpus, config: ExperimentConfig, done: dict[str, TrainedRun]
) -> None:
    together = AggregateReport({name: run.report for name, run in done.items()})
    together.pooled.save_predictions(directory.path / "predictions.csv")
    facts = {
        "corpus": corpus.summary,
        "protocol": f"{config.protocol.name}, {len(done)} runs",
        "model": config.model.name,
    }
    page = report_page(f"{config.model.name} on {corpus.name}", facts, together.runs)
    directory.write_text("report.html", page)
    directory.write_metrics(together.to_dict())
