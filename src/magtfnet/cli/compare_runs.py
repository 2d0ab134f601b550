"""``magtfnet compare-runs REFERENCE RUN...``: trainings that are finished, side by side."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.options import refuse_filled
from magtfnet.cli.terminal import show, show_table


def compare_runs(
    reference: Annotated[
        Path, typer.Argument(help="A run directory, or a folder of them, that the others are compared with.")
    ],
    runs: Annotated[list[Path], typer.Argument(help="The others, tested by the same folds and seeds.")],
    seed: Annotated[
        int | None, typer.Option(help="Only the runs of this seed, where some have more seeds than others.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder for runs.html and runs.md, the same as pages.")
    ] = None,
) -> None:
    """Compare finished trainings utterance by utterance: WA, UA, intervals, differences, p; nothing is trained."""
    from magtfnet.experiments.finished_runs import document, read_finished, table, tested

    refuse_filled(out)
    folders = [reference, *runs]
    reports = read_finished(folders, seed)
    columns, rows = table(reports)
    show_table(_narrow(columns), [_narrow(row) for row in rows])
    show(f"tested: {tested(reports)}")
    show(
        f"p: of the difference in WA to {next(iter(reports))}, corrected by Holm's method for the other rows"
    )
    if out is None:
        return
    # where somebody keeps runs is not the page's to say
    named = [folder.name if folder.is_absolute() else str(folder) for folder in folders]
    words = ["magtfnet", "compare-runs", *named, *([] if seed is None else ["--seed", str(seed)])]
    page = document(reports, columns, rows, shlex.join(words))
    out.mkdir(parents=True, exist_ok=True)
    page.save(out / "runs.html")
    show(f"report: {out / 'runs.html'}")
    show(f"table: {out / 'runs.md'}")


def _narrow(cells: Sequence[str]) -> list[str]:
    """Put each interval under its figure: eight columns are more than a terminal shows."""
    name, *figures, p_value = cells
    return [name, *map("\n".join, zip(figures[::2], figures[1::2], strict=True)), p_value]
