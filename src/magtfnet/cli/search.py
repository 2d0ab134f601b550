"""``magtfnet search CORPUS ROOT``: a configuration by validation WA; test parts are not read."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import (
    MAX_SEED,
    AllowIncomplete,
    Cache,
    ConfigFile,
    CorpusName,
    CorpusRoot,
    Jobs,
    Labels,
    Only,
    Overrides,
    experiment,
)
from magtfnet.cli.terminal import progress_bar, say, show

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class SamplerName(StrEnum):
    """What ``--sampler`` may be."""

    GRID = "grid"
    TPE = "tpe"


def search(
    corpus: CorpusName,
    root: CorpusRoot,
    space: Annotated[
        Path | None,
        typer.Option(help=r"A TOML file with a section \[space]; the paper's grid of 27 points without it."),
    ] = None,
    sampler: Annotated[
        SamplerName, typer.Option(help="Every point of a grid, or points near the better ones.")
    ] = SamplerName.GRID,
    trials: Annotated[int | None, typer.Option(min=1, help="With tpe: how many points in all.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Whose split is used; speaker_independent_k_fold unless the configuration says else."
        ),
    ] = None,
    prune: Annotated[
        bool | None, typer.Option(help="Give up trials that fall behind the median; only tpe's if not said.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of split, weights and sampler.")] = 0,
    fold: Annotated[int, typer.Option(min=0, help="Of the protocol, where it has several.")] = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
    jobs: Jobs = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of the search.")] = Path("runs/search"),
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what was begun there; with tpe also with more trials."),
    ] = False,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    cache: Cache = None,
) -> None:
    """Search for a configuration by validation WA, and write the best as a file for 'train --config'."""
    from magtfnet.corpora import load_corpus
    from magtfnet.experiments.run_directory import RunDirectory

    settings = experiment(config, overrides, {"--protocol": protocol})
    RunDirectory(out).refuse_if_there(resume=resume)

    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.experiments import search as searching
    from magtfnet.experiments import search_report
    from magtfnet.experiments.search_space import PAPERS_GRID, read_space

    chosen = PAPERS_GRID if space is None else read_space(space, settings)
    wanted = searching.SearchPlan(chosen, sampler.value, trials, prune, seed, fold)
    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    say(f"{wanted.total} trials of {settings.model.name} on {len(copy)} utterances of {copy.name}")
    with progress_bar() as progress:
        ended = searching.search(
            copy,
            out,
            settings,
            wanted,
            resume=resume,
            cache=cache,
            jobs=jobs,
            announce=TerminalAnnounce(progress),
            on_trial=lambda trial: say(_line(trial)),
        )
    search_report.write(out, copy, settings, wanted, ended)
    winner = searching.best(ended)
    if winner is None:
        show(f"no trial has a score; {out / 'search.html'} says why")
        raise typer.Exit(1)
    show(f"best of {len(ended)}: {_line(winner)}")
    show(f"configuration: {out / 'best.toml'}")
    if settings.protocol.name != "speaker_dependent_8_1_1":
        say(
            f"note: who was searched on is tested in other folds; score the configuration on fold {fold} alone"
        )
    show(f"report: {out / 'search.html'}")


def _line(trial: "FrozenTrial") -> str:
    point = ", ".join(f"{key} = {value}" for key, value in trial.params.items())
    from magtfnet.experiments.search import WHY

    why = trial.user_attrs.get(WHY)
    scored = f"given up, {why}" if why else f"validation WA {100 * float(trial.value or 0):.2f} %"
    return f"trial {trial.number}: {scored} ({point})"
