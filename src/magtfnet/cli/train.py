"""``magtfnet train CORPUS ROOT``: a protocol's folds, each trained, selected on validation, tested once."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import (
    MAX_SEED,
    MAX_SEEDS,
    AllowIncomplete,
    Cache,
    ConfigFile,
    CorpusName,
    CorpusRoot,
    FoldsFile,
    Jobs,
    Labels,
    Only,
    Overrides,
    experiment,
)
from magtfnet.cli.terminal import progress_bar, say, show

if TYPE_CHECKING:
    from magtfnet.config import ExperimentConfig
    from magtfnet.experiments import TrainedRun


class Precision(StrEnum):
    """What ``--precision`` may be."""

    FLOAT32 = "float32"
    BF16 = "bf16"


def train(
    corpus: CorpusName,
    root: CorpusRoot,
    protocol: Annotated[
        str | None,
        typer.Option(help="Who is tested; speaker_independent_k_fold unless the configuration says else."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A registered model; magtf_net unless said else.")] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="The first seed: of split, weights and order.")
    ] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=MAX_SEEDS, help="How many seeds, from --seed on.")] = 1,
    folds: Annotated[int | None, typer.Option(help="How many folds a k-fold protocol has.")] = None,
    fold: Annotated[int | None, typer.Option(help="Train this fold only, from 0; without it all.")] = None,
    folds_file: FoldsFile = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Of the large products in training; float32 unless said else.")
    ] = None,
    jobs: Jobs = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Where the results go; under runs/ if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where this run directory was left.")
    ] = False,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    cache: Cache = None,
) -> None:
    """Train and evaluate a model under a protocol; every fold and seed is a run of its own."""
    from magtfnet.corpora import load_corpus
    from magtfnet.corpora.protocols import refuse_unused
    from magtfnet.experiments.run_directory import RunDirectory

    given = {
        "--protocol": protocol,
        "--folds": folds,
        "--folds-file": folds_file,
        "--model": model,
        "--precision": precision,
    }
    settings = experiment(config, overrides, given)
    options = {"folds": folds, "file": folds_file}
    refuse_unused(settings.protocol.name, [name for name, value in options.items() if value is not None])
    run_dir = run_dir or _default_run_dir(corpus, settings, seed, seeds, fold)
    RunDirectory(run_dir).refuse_if_there(resume=resume)
    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)

    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.experiments.cross_validation import plan, train_all
    from magtfnet.experiments.preparation import check_settings
    from magtfnet.training.device import choose_device

    check_settings(settings, len(copy.labels))
    runs = plan(copy, settings, range(seed, seed + seeds), fold)
    device = choose_device(settings.training.device)
    say(f"{copy.describe()}, {settings.model.name}, on {device}")
    with progress_bar() as progress:
        done = train_all(
            copy,
            runs,
            run_dir,
            settings,
            resume=resume,
            cache=cache,
            jobs=jobs,
            announce=TerminalAnnounce(progress),
        )
    _show(done, run_dir)


def _show(done: "dict[str, TrainedRun]", run_dir: Path) -> None:
    """Print the scores, and where everything is."""
    from magtfnet.cli.scores import show_aggregate, show_report
    from magtfnet.evaluation import AggregateReport

    if len(done) > 1:
        show_aggregate(AggregateReport({name: run.report for name, run in done.items()}))
        bundles = f"bundles: {run_dir}/*/bundle"
    else:
        show_report(next(iter(done.values())).report)
        bundles = f"bundle: {run_dir / 'bundle'}"
    if all((run.folder / "bundle").exists() for run in done.values()):  # classical systems have none
        show(bundles)
    show(f"report: {run_dir / 'report.html'}")


def _default_run_dir(
    corpus: str, settings: "ExperimentConfig", seed: int, seeds: int, fold: int | None
) -> Path:
    seed_part = f"seed_{seed}" if seeds == 1 else f"seeds_{seed}_to_{seed + seeds - 1}"
    fold_part = "" if fold is None else f"-fold_{fold:02d}"
    return Path("runs") / f"{corpus}-{settings.protocol.name}-{settings.model.name}{fold_part}-{seed_part}"
