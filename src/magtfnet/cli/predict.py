"""``magtfnet predict FILE…``: the emotion of each recording, of files or of folders full of them."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import AsJson, ModelOption, UnsureBelow
from magtfnet.cli.terminal import CONTROL, doubt, progress_bar, say, show, show_json
from magtfnet.errors import ConfigError

if TYPE_CHECKING:
    from magtfnet.recognizer.result_rows import Row
    from magtfnet.recognizer.results import Results


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] FILE...",
            help="Recordings (WAV, FLAC, OGG, MP3, AIFF) or folders; a bundle or .onnx file before them is the model.",
        ),
    ],
    model: ModelOption = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Folders with all below them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a .csv, .jsonl or .parquet file instead of printing.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, each with a model of its own.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an --out that was interrupted.")
    ] = False,
    unsure_below: UnsureBelow = None,
) -> None:
    """Print the emotion of each recording and its probability; a bad one is reported and the rest still done.

    Behind an answer of a low probability stands 'not sure'.
    Exit code 0 where all were done, 1 where some could not be.
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other; give one of them")
    if out is not None and (as_json or as_csv):
        raise ConfigError("--out takes its format from the file's suffix; leave --json and --csv away")
    if resume and out is None:
        raise ConfigError("--resume goes on with the results in --out; name it")
    model, inputs = _split(model, inputs)
    if out is not None:
        from magtfnet.recognizer.results import Results

        results = Results(out, model, [*map(str, inputs)], recursive=recursive, unsure_below=unsure_below)
        _write(results, inputs, recursive=recursive, jobs=jobs, resume=resume)
        return
    from magtfnet.recognizer.many import predict_many

    _refuse_empty(inputs, recursive=recursive)
    files = list(_files(inputs, recursive=recursive))
    rows: list[Row] = []
    with progress_bar() as progress:
        for row in predict_many(model, files, jobs=jobs, unsure_below=unsure_below):
            rows.append(row)
            progress("recordings", len(rows), len(files))
    failed = [row for row in rows if "error" in row]
    for row in failed:
        say(f"magtfnet: {row['error']}")
    if as_json:
        show_json(rows)
    elif as_csv:
        _print_csv(model, rows)
    else:
        for row in rows:
            if "error" not in row:
                name = row["file"].translate(CONTROL)  # it stays in its line and column
                confidence = f"{row['probabilities'][row['label']]:.3f}{doubt(sure=row['sure'])}"
                show(f"{name}\t{row['label']}\t{confidence}")
    _leave(len(failed), len(rows))


def _split(model: str | None, inputs: list[Path]) -> tuple[str | None, list[Path]]:
    """Take the model from before the recordings, where it stands there."""
    from magtfnet.recognizer.bundle_files import is_bundle, refuse_run_directory
    from magtfnet.recognizer.library import list_models

    for path in inputs:
        refuse_run_directory(path)
    first = inputs[0]
    names = {found.name for found in list_models()}
    if model is None and len(inputs) > 1 and first.is_dir() and not is_bundle(first) and str(first) in names:
        raise ConfigError(
            f"{first} is a folder here and the name of a model; write --model {first}, or the folder as "
            f"{first.resolve()}"
        )
    missing = len(inputs) > 1 and not first.suffix and not first.exists()
    if model is None and (is_bundle(first) or first.suffix.lower() == ".onnx" or missing):
        if len(inputs) == 1:
            raise ConfigError(f"{first} is a model and no recording is named; name recordings behind it")
        model, inputs = str(first), inputs[1:]
    for path in inputs:
        if is_bundle(path):
            raise ConfigError(
                f"{path} is a model among the recordings; name one model, before them or by --model"
            )
    return model, inputs


def _files(inputs: list[Path], *, recursive: bool) -> Iterator[Path]:
    """Yield files as they are named, and the recordings of folders, sorted."""
    from magtfnet.audio.finding import find_recordings

    for path in inputs:
        if path.is_dir():
            yield from find_recordings(path, recursive=recursive)
        else:
            yield path


def _write(results: "Results", inputs: list[Path], *, recursive: bool, jobs: int, resume: bool) -> None:
    """Write the results to a table, by way of a journal that an interruption leaves."""
    _refuse_empty(inputs, recursive=recursive)
    total = sum(1 for _ in _files(inputs, recursive=recursive))
    files = _files(inputs, recursive=recursive)
    with progress_bar() as progress:
        failed = results.write(
            files,
            total,
            jobs=jobs,
            resume=resume,
            progress=progress,
            on_failure=lambda error: say(f"magtfnet: {error}"),
        )
    show(f"{results.out}: {total} recordings")
    _leave(failed, total)


def _refuse_empty(inputs: list[Path], *, recursive: bool) -> None:
    for path in inputs:
        if path.is_dir() and next(_files([path], recursive=recursive), None) is None:
            raise ConfigError(
                f"{path}: no recordings by their suffixes; name another folder, or add --recursive"
            )


def _leave(failed: int, total: int) -> None:
    if failed:
        say(f"magtfnet: {failed} of {total} recordings could not be used")
        raise typer.Exit(1)


def _print_csv(model: str | None, rows: "list[Row]") -> None:
    from magtfnet.recognizer.result_rows import cells, columns, printable

    answered = [row for row in rows if "error" not in row]
    if answered:
        classes = list(answered[0]["probabilities"])
    else:
        from magtfnet.recognizer import EmotionRecognizer

        classes = list(EmotionRecognizer.load(model).labels.classes)
    writer = csv.writer(sys.stdout, lineterminator="\n")  # Windows makes its own of them
    writer.writerow(columns(classes))
    writer.writerows(printable(cells(row, classes)) for row in rows)
