"""What the documents tell a reader to type is there: commands, options, targets, links; and tables of kept results."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from magtfnet.cli.app import app
from magtfnet.evaluation.document import markdown_table
from magtfnet.experiments.finished_runs import read_finished, table

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GROUP = typer.main.get_command(app)


def shell_lines(text):
    """Yield the lines of all shell examples, those that go on joined, and commands within sentences."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from re.findall(r"`(magtfnet [a-z][^`]*)`", prose)
    for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        yield from block.replace("\\\n", " ").splitlines()


def commands():
    for document in DOCUMENTS:
        if document.exists():
            for line in shell_lines(document.read_text(encoding="utf-8")):
                yield pytest.param(line, id=f"{document.name}: {line[:60]}")


def words(line):
    return shlex.split(line, comments=True)


COMMANDS = list(commands())


def test_there_are_examples():
    assert len(COMMANDS) > 50


@pytest.mark.parametrize("line", COMMANDS)
def test_an_example_names_what_is_there(line):
    found = words(line)
    if "magtfnet" in found:
        name, *rest = found[found.index("magtfnet") + 1 :]
        options = GROUP.commands[name].params
        known = {spelling for option in options for spelling in (*option.opts, *option.secondary_opts)}
        assert {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)} <= known | {"--help"}
    if found[:1] == ["make"]:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert {word for word in found[1:] if "=" not in word} <= set(targets), line
    for module in re.findall(r"python -m (benchmarks[\w.]*)", line):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), line


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.exists()], ids=lambda path: path.name)
def test_links_lead_to_files(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:", "#")):
            assert (document.parent / target.split("#")[0]).exists(), target


KEPT = "docs/results/"
TABLES = [
    pytest.param(document, words(line), id=f"{document.name}: {words(line)[2]}")
    for document in DOCUMENTS
    for line in shell_lines(document.read_text(encoding="utf-8"))
    if line.startswith(f"magtfnet compare-runs {KEPT}")
]


def test_there_are_tables_of_kept_results():
    assert len(TABLES) >= 3


@pytest.mark.parametrize(("document", "command"), TABLES)
def test_a_table_of_kept_results_is_what_its_command_makes(document, command):
    folders = [ROOT / word for word in command if word.startswith(KEPT)]
    seed = int(command[command.index("--seed") + 1]) if "--seed" in command else None
    assert markdown_table(*table(read_finished(folders, seed))) in document.read_text(encoding="utf-8")
