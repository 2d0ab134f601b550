"""Run every comparison, print the table and write it into docs/performance.md."""

import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks import folds, front_end, growth, inference, training
from benchmarks.pages import write_between
from benchmarks.rows import Row, table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"


def main() -> None:
    """Measure; what stands around the measured part of the page stays."""
    start = time.perf_counter()
    PAGE.read_text(encoding="utf-8").index(END)  # a page without its marks is told of now, not at the end
    rows: list[Row] = []
    for part in (training.rows, folds.rows, front_end.rows, inference.rows):
        rows += _told(part)
    grown, tables = growth.rows_and_tables()
    sys.stdout.write(table(grown) + "\n")
    rows += grown
    text = "\n\n".join((_machine(time.perf_counter() - start), table(rows), "### Growth", tables))
    write_between(PAGE, BEGIN, END, [text])
    sys.stdout.write(f"\n{tables}\n\n{PAGE}: written\n")


def _told(part: Callable[[], list[Row]]) -> list[Row]:
    rows = part()
    sys.stdout.write(table(rows) + "\n")
    sys.stdout.flush()
    return rows


def _machine(seconds: float) -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    bf16 = "with" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "without"
    versions = ", ".join(f"{name} {version(name)}" for name in ("magtfnet", "torch"))
    return (
        f"Measured by `make bench` in {seconds / 60:.1f} minutes on {os.cpu_count()} cores ({platform.machine()}, "
        f"{capability}, {bf16} bfloat16 products), {platform.system()}, Python {platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main()
