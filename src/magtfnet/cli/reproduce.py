"""``magtfnet reproduce``: the paper's tables on every corpus at hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import MAX_SEEDS, AllowIncomplete, Cache, ConfigFile, Jobs, Overrides, named_paths
from magtfnet.cli.terminal import progress_bar, say, show
from magtfnet.errors import ConfigError

if TYPE_CHECKING:
    from magtfnet.experiments import reproduction


def reproduce(
    corpus: Annotated[
        list[str], typer.Option("--corpus", help="NAME=ROOT, once for each corpus, such as emodb=data/emodb.")
    ],
    tables: Annotated[str, typer.Option(help="The paper's tables, separated by commas.")] = "2,3,5,6",
    seeds: Annotated[
        int, typer.Option(min=1, max=MAX_SEEDS, help="Splits of the paper's protocol, from seed 0 on.")
    ] = 5,
    folds: Annotated[
        list[str] | None,
        typer.Option("--folds", help="NAME=PATH: published folds, on which the full system is trained too."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="NAME=PART: a named part of a corpus, such as casia=first_40_texts, the paper's 960.",
        ),
    ] = None,
    speakers_apart: Annotated[
        bool, typer.Option(help="Train everything on folds of whole speakers as well.")
    ] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="A rehearsal: one epoch of one split. Its figures are no results.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    jobs: Jobs = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of runs and reports.")] = Path("runs/paper"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was begun there; more may be asked than before.")
    ] = False,
    allow_incomplete: AllowIncomplete = False,
    cache: Cache = None,
) -> None:
    """Train what is missing of the paper's tables, and write them with the paper's figures beside ours."""
    from magtfnet.config import load_config
    from magtfnet.corpora import load_corpus
    from magtfnet.experiments.run_directory import RunDirectory

    settings = load_config(config, overrides or [])
    roots, paths = named_paths("--corpus", corpus), named_paths("--folds", folds or [])
    parts = {name: str(part) for name, part in named_paths("--only", only or []).items()}
    numbers = _numbers(tables)
    for name in parts:
        if name not in roots:
            raise ConfigError(
                f"--only {name}={parts[name]} without its corpus; give --corpus {name}=ROOT too"
            )
    RunDirectory(out).refuse_if_there(resume=resume)

    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.experiments import reproduction
    from magtfnet.experiments.paper_tables import PAPERS_LABELS, PAPERS_PARTS
    from magtfnet.experiments.reproduction_files import write

    request = reproduction.Request(
        {
            name: load_corpus(
                name,
                root,
                mapping=PAPERS_LABELS.get(name),
                part=parts.get(name, PAPERS_PARTS.get(name)),
                allow_incomplete=allow_incomplete,
            )
            for name, root in roots.items()
        },
        numbers,
        seeds,
        paths,
        speakers_apart,
        quick,
    )
    with progress_bar() as progress:
        result = reproduction.reproduce(
            request,
            out,
            settings,
            resume=resume,
            cache=cache,
            jobs=jobs,
            announce=TerminalAnnounce(progress),
        )
    say(f"{sum(len(report.runs) for report in result.reports.values())} runs in {out}")
    page = write(result, out, _command(request, only or [], overrides or [], config, allow_incomplete))
    for warning in (*result.refused.values(), *result.diverged.values()):
        say(f"left out: {warning}")
    show(f"report: {page}")
    show(f"tables: {page.with_suffix('.md')}")
    if result.diverged:
        raise typer.Exit(1)


def _numbers(tables: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(number) for number in tables.split(",")))
    except ValueError:
        raise ConfigError(
            f"--tables '{tables}' are not numbers separated by commas, as 2,3,5,6; write it so"
        ) from None


def _command(
    request: "reproduction.Request",
    only: Sequence[str],
    overrides: Sequence[str],
    config: Path | None,
    allow_incomplete: bool,
) -> str:
    """Return the command that made a report, with ROOT for the folders of this machine."""
    words = ["magtfnet reproduce", *(f"--corpus {name}=ROOT" for name in request.corpora)]
    words += [f"--tables {','.join(map(str, request.tables))}", f"--seeds {request.seeds}"]
    words += [f"--folds {name}=PATH" for name in request.folds]
    words += [f"--only {part}" for part in only]
    words += [] if request.speakers_apart else ["--no-speakers-apart"]
    words += ["--quick"] if request.quick else []
    words += ["--allow-incomplete"] if allow_incomplete else []
    words += ["--config FILE"] if config else []
    return " ".join([*words, *(f"--set {override}" for override in overrides)])
