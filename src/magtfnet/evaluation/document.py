"""A report of several sections that reads the same as one HTML file and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from magtfnet.evaluation.page import ENVIRONMENT
from magtfnet.writing import write_whole


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order.

    Args:
        heading: of the section.
        level: 2, or 3 for a part of the section before it.
        paragraphs: plain text.
        points: of a list.
        columns: of a table, none for no table.
        rows: of the table, a cell a column.
        figure: SVG text; Markdown leaves it to the HTML file.
    """

    heading: str
    level: int = 2
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    figure: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report.

    Args:
        title: its heading.
        sections: what it says.
        warnings: what nobody must overlook.
        command: what made it.
        facts: by name.
    """

    title: str
    sections: Sequence[Section]
    warnings: Sequence[str] = ()
    command: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def html(self) -> str:
        """Return one HTML file that needs nothing beside it."""
        return ENVIRONMENT.get_template("document.html").render(title=self.title, document=self)

    def markdown(self) -> str:
        """Return the same without figures, as Markdown."""
        parts = [f"# {self.title}", *(f"**{warning}**" for warning in self.warnings)]
        if self.command:
            parts.append(f"```sh\n{self.command}\n```")
        if self.facts:
            parts.append("\n".join(f"- {name}: {value}" for name, value in self.facts.items()))
        for section in self.sections:
            if section.figure and not (section.paragraphs or section.points or section.columns):
                continue
            parts += [f"{'#' * section.level} {section.heading}", *section.paragraphs]
            if section.points:
                parts.append("\n".join(f"- {point}" for point in section.points))
            if section.columns:
                parts.append(markdown_table(section.columns, section.rows))
        return "\n\n".join(parts) + "\n"

    def save(self, page: Path) -> None:
        """Write the HTML file, and the Markdown beside it; their folder is there."""
        write_whole(page, self.html())
        write_whole(page.with_suffix(".md"), self.markdown())


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; a bar inside a cell is escaped, a line break is a space."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )
