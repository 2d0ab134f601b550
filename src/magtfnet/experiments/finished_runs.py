"""Trainings that are finished, side by side: who is better on the utterances that all of them tested."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from magtfnet.config import load_config
from magtfnet.errors import RunDirectoryError
from magtfnet.evaluation import AggregateReport
from magtfnet.evaluation.cells import (
    SCORE_COLUMNS,
    difference_cells,
    difference_columns,
    how_to_read,
    score_cells,
)
from magtfnet.evaluation.document import Document, Section
from magtfnet.evaluation.page import notes
from magtfnet.experiments.run_directory import RunDirectory

PREDICTIONS = "predictions.csv"


def read_finished(folders: Sequence[Path], seed: int | None = None) -> dict[str, AggregateReport]:
    """Read what was predicted of the test parts, by the name of the folder.

    Args:
        folders: run directories of one training or of a protocol, or folders that hold finished ones of one system; the
            first is the reference. Folders of one name are told apart by their paths.
        seed: the runs of this seed alone; all runs where not given.

    Raises:
        RunDirectoryError: a folder has no predictions or damaged ones, none of the seed, is named twice, or was tested
            otherwise than the reference.
        OSError: a file cannot be read.
    """
    names = [_name(folder) for folder in folders]
    seen: dict[Path, Path] = {}
    found: dict[str, AggregateReport] = {}
    for folder, name in zip(folders, names, strict=True):
        place = folder.resolve()
        if place in seen:
            raise RunDirectoryError(f"{folder}: named twice (as {seen[place]}); name each folder once")
        seen[place] = folder
        found[name if names.count(name) == 1 else str(folder)] = _read(folder, seed)
    reference, *others = found
    for name in others:
        _check_tests(name, found[name], reference, found[reference])
    return found


def table(reports: Mapping[str, AggregateReport]) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows of WA and UA, best first, and of each difference to the first report."""
    reference = next(iter(reports))
    against = difference_cells(reports, reference)
    ranked = sorted(reports, key=lambda name: -reports[name].weighted_accuracy.mean)
    columns = ["run", *SCORE_COLUMNS, *difference_columns(reference)]
    return columns, [[name, *score_cells(reports[name]), *against[name]] for name in ranked]


def tested(reports: Mapping[str, AggregateReport]) -> str:
    """Say how much each was tested on."""
    report = next(iter(reports.values()))
    return f"{len(report.pooled.rows)} predictions each; runs: {len(report.runs)}"


def document(
    reports: Mapping[str, AggregateReport],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    command: str,
) -> Document:
    """Return the report: its ``table`` with how to read it, and ``command``, which made it."""
    reference, report = next(iter(reports.items()))
    sections = [
        Section(
            "How to read this", paragraphs=[how_to_read(reference, "the other rows")], points=notes(report)
        ),
        Section("Best first", columns=columns, rows=rows),
    ]
    return Document(f"Runs beside {reference}", sections, command=command, facts={"tested": tested(reports)})


def _name(folder: Path) -> str:
    return folder.absolute().name or str(folder)


def _read(folder: Path, seed: int | None) -> AggregateReport:
    pooled = folder / PREDICTIONS
    finished = [
        file for file in sorted(folder.glob(f"*/{PREDICTIONS}")) if RunDirectory(file.parent).complete
    ]
    try:
        runs = AggregateReport.from_predictions([pooled] if pooled.exists() else finished).runs
    except ValueError as error:
        raise RunDirectoryError(
            f"{folder}: {error}; name runs of one system, or train it again if it is damaged"
        ) from error
    if not runs:
        raise RunDirectoryError(
            f"{folder}: no predictions ({PREDICTIONS}) in it or in finished runs in it; name a run directory"
        )
    for name, run in runs.items():
        if len({row.id for row in run.rows}) < len(run.rows):
            raise RunDirectoryError(
                f"{folder}: {name} is there more than once; name the runs of one training or protocol"
            )
    if not pooled.exists():
        _check_one_system(folder, [file.parent for file in finished])
    of_seed = {name: run for name, run in runs.items() if seed is None or name.endswith(f"_seed_{seed}")}
    if not of_seed:
        raise RunDirectoryError(f"{folder}: no run of seed {seed}; it has {', '.join(runs)}")
    return AggregateReport(of_seed)


def _check_one_system(folder: Path, runs: Sequence[Path]) -> None:
    """Refuse runs whose configurations name several systems; kept predictions may have none beside them."""
    systems = {
        load_config(file).model.name: file.parent.name
        for file in (RunDirectory(run).config for run in reversed(runs))
        if file.exists()
    }
    if len(systems) > 1:
        named = ", ".join(f"{system} ({run})" for system, run in sorted(systems.items()))
        raise RunDirectoryError(f"{folder}: holds runs of {named}; name a folder of runs of one system")


def _check_tests(name: str, report: AggregateReport, reference: str, expected: AggregateReport) -> None:
    ours, theirs = _tested(report), _tested(expected)
    if ours == theirs:
        return
    run, utterance, emotion = min(ours ^ theirs)
    raise RunDirectoryError(
        f"{name}: lacks {len(theirs - ours)} of the {len(theirs)} predictions of {reference} and has "
        f"{len(ours - theirs)} others, such as {emotion} of '{utterance}' in {run}; compare the same folds, labels and "
        "seeds of one corpus (--seed takes those of one)"
    )


def _tested(report: AggregateReport) -> set[tuple[str, str, str]]:
    return {(name, row.id, row.emotion) for name, run in report.runs.items() for row in run.rows}
