"""``magtfnet compare CORPUS ROOT``: any systems on the same folds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.options import (
    MAX_SEED,
    AllowIncomplete,
    Cache,
    ConfigFile,
    CorpusName,
    CorpusRoot,
    FoldsFile,
    Jobs,
    Labels,
    Only,
    experiment,
    named_paths,
)
from magtfnet.cli.terminal import progress_bar, say, show


def compare(
    corpus: CorpusName,
    root: CorpusRoot,
    _word: Annotated[
        bool, typer.Option("--corpus", help="May stand before CORPUS and ROOT; they are read alike without.")
    ] = False,
    models: Annotated[
        str | None,
        typer.Option(help="Systems, separated by commas; all that need no downloaded weights if not given."),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=DIR: a pretrained system and the folder of its checkpoint; it is compared too."
        ),
    ] = None,
    recipes: Annotated[
        list[Path] | None,
        typer.Option(
            "--recipe",
            help="A TOML file that names a model, with its own features and training; in place of that model without.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Who is tested; speaker_independent_k_fold unless the configuration says else."),
    ] = None,
    folds_file: FoldsFile = None,
    fold: Annotated[int | None, typer.Option(help="This fold only, from 0; without it all.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Of weights, and of folds that are drawn.")
    ] = 0,
    config: ConfigFile = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; model.* is of magtf_net alone.")
    ] = None,
    jobs: Jobs = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of runs and reports.")] = Path(
        "runs/compare"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was begun there, with more systems where asked.")
    ] = False,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    cache: Cache = None,
) -> None:
    """Train systems on the same folds, and write one table of accuracy and cost."""
    from magtfnet.config import load_config
    from magtfnet.corpora import load_corpus
    from magtfnet.experiments.run_directory import RunDirectory

    settings = experiment(config, overrides, {"--protocol": protocol, "--folds-file": folds_file})
    with_recipes = [load_config(file) for file in recipes or []]
    checkpoints = named_paths("--weights", weights or [])
    RunDirectory(out).refuse_if_there(resume=resume)
    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)

    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.experiments import comparison
    from magtfnet.experiments.comparison_report import report

    systems = comparison.default_systems() if models is None else [name.strip() for name in models.split(",")]
    with progress_bar() as progress:
        found = comparison.compare(
            copy,
            systems,
            out,
            settings,
            seed=seed,
            fold=fold,
            weights=checkpoints,
            recipes=with_recipes,
            resume=resume,
            cache=cache,
            jobs=jobs,
            announce=TerminalAnnounce(progress),
        )
    tried = [*(system.name for system in found.systems), *found.diverged]
    missing = comparison.missing_systems(tried) if models is None else []
    missing += found.diverged.values()
    for line in missing:
        say(f"left out: {line}")
    words = {
        "--folds-file": "PATH" if settings.protocol.file else None,
        "--models": models,
        "--weights": [f"{name}=DIR" for name in checkpoints],
        "--recipe": [file.name for file in recipes or []],
        "--fold": fold,
        "--only": only,
        "--seed": seed or None,
        "--labels": labels.name if labels else None,
        "--allow-incomplete": allow_incomplete or None,
        "--config": "FILE" if config else None,
        "--set": overrides,
    }
    command = f"magtfnet compare {corpus} ROOT --protocol {settings.protocol.name}"
    document = report(
        copy, settings.protocol.name, found.systems, missing, " ".join([command, *_words(words)])
    )
    document.save(out / "compare.html")
    show(f"report: {out / 'compare.html'}")
    show(f"table: {out / 'compare.md'}")
    if found.diverged:
        raise typer.Exit(1)


def _words(options: Mapping[str, object]) -> Iterator[str]:
    """Yield options as a command has them: one for each of a list, a name alone where it is True, none for None."""
    for name, given in options.items():
        for value in given if isinstance(given, list) else [given]:
            if value is not None:
                yield name if value is True else f"{name} {value}"
