"""What the terminal shows: results to stdout, progress to stderr."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from magtfnet.prediction import NOT_SURE
from magtfnet.progress import Progress, silent

CONTROL = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0))}
"""Control characters as Python writes them: a terminal obeys them, and names of files may hold them."""
WITHIN_LINES = {code: written for code, written in CONTROL.items() if chr(code) not in "\n\t"}
UNFOLDED = 10_000
"""Columns of a terminal that is none."""


def say(text: str) -> None:
    """Write a line of progress to stderr, where there is one."""
    if sys.stderr is None:  # closed, as some schedulers start their jobs
        return
    sys.stderr.write(text.translate(WITHIN_LINES) + "\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Write a line of results to stdout."""
    sys.stdout.write(text.translate(WITHIN_LINES) + "\n")


def show_json(values: object) -> None:
    """Write data as JSON to stdout, readable but for what a terminal obeys, which JSON can say otherwise.

    So is what an encoding may lack that is not UTF-8, which JSON is in.
    """
    is_utf8 = (sys.stdout.encoding or "").lower() in ("utf-8", "utf8")
    text = json.dumps(values, indent=2, ensure_ascii=not is_utf8)
    sys.stdout.write(text.translate({code: f"\\u{code:04x}" for code in WITHIN_LINES}) + "\n")


def doubt(*, sure: bool) -> str:
    """Return what stands behind a line of results: a column that only an answer below the threshold has."""
    return "" if sure else f"\t{NOT_SURE}"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw a table on stdout; all columns but the first are right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(
            column.translate(WITHIN_LINES), justify="left" if number == 0 else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*(cell.translate(WITHIN_LINES) for cell in row))
    # a file has no width: what reads it shall find each row on lines that were not folded
    width = None if sys.stdout.isatty() else UNFOLDED
    Console(file=sys.stdout, width=width, markup=False, emoji=False).print(table)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draw what is told on stderr in one bar; nothing where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, visible=False)

        def tell(what: str, done: int, total: int) -> None:
            if done <= 1:  # other work than before: its time starts anew
                bars.reset(task, total=total)
            bars.update(task, description=what, completed=done, total=total, visible=done < total)

        yield tell
