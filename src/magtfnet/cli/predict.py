"""``magtfnet predict BUNDLE FILE…``: the emotion of each recording."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from magtfnet.cli.options import AsJson, BundlePath
from magtfnet.cli.terminal import progress_bar, say, show
from magtfnet.errors import ConfigError, MagtfnetError

if TYPE_CHECKING:
    from magtfnet.prediction import Prediction


CONTROL = {code: repr(chr(code))[1:-1] for code in range(32)}
"""Control characters as Python writes them: a file's name, whatever it holds, stays in its line and column."""


def predict(
    bundle: BundlePath,
    files: Annotated[list[Path], typer.Argument(help="Recordings: WAV, FLAC, OGG, MP3, AIFF.")],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Print the emotion of each recording; a bad one is reported and the rest still done.

    Exit code 0 where all were done, 1 where some could not be.
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other; give one of them")
    from magtfnet.recognizer import EmotionRecognizer

    recognizer = EmotionRecognizer.load(bundle)
    results: list[tuple[Path, Prediction | MagtfnetError]] = []
    with progress_bar() as progress:
        for file, result in zip(files, recognizer.predict_each(files), strict=True):
            results.append((file, result))
            progress("recordings", len(results), len(files))
    failed = [result for _, result in results if isinstance(result, MagtfnetError)]
    for error in failed:
        say(f"magtfnet: {' '.join(str(error).split())}")
    if as_json:
        show(json.dumps([_plain(file, result) for file, result in results], indent=2, ensure_ascii=False))
    elif as_csv:
        _print_csv(recognizer.labels.classes, results)
    else:
        for file, result in results:
            if not isinstance(result, MagtfnetError):
                show(f"{str(file).translate(CONTROL)}\t{result.label}\t{result.confidence:.3f}")
    if failed:
        say(f"magtfnet: {len(failed)} of {len(files)} recordings could not be used")
        raise typer.Exit(1)


def _plain(file: Path, result: "Prediction | MagtfnetError") -> dict[str, Any]:
    if isinstance(result, MagtfnetError):
        return {"file": str(file), "error": str(result)}
    return {"file": str(file), **result.to_dict()}


def _print_csv(classes: tuple[str, ...], results: "list[tuple[Path, Prediction | MagtfnetError]]") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(("file", "label", "duration", *(f"p_{name}" for name in classes), "error"))
    for file, result in results:
        if isinstance(result, MagtfnetError):
            writer.writerow((file, "", "", *("" for _ in classes), str(result)))
        else:
            shares = [format(result.probabilities[name], ".6g") for name in classes]
            writer.writerow((file, result.label, format(result.duration, ".6g"), *shares, ""))
