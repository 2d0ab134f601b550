"""Tables that benchmarks write into pages of docs/, between two marks."""

from collections.abc import Sequence
from pathlib import Path


def write_between(page: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Put ``lines`` in place of what stands between the marks."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(begin)[0], text.split(end)[1]
    page.write_text("\n".join((f"{before}{begin}\n", *lines, f"\n{end}{after}")), encoding="utf-8")
