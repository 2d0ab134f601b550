"""The result of one recording as a row of plain data: a file with its prediction, or why there is none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magtfnet.errors import MagtfnetError
from magtfnet.prediction import Prediction

Row = dict[str, Any]


def as_row(file: Path, result: Prediction | MagtfnetError) -> Row:
    """Return ``file`` with ``label``, ``sure``, ``probabilities`` and ``duration``, or with ``error``."""
    if isinstance(result, MagtfnetError):
        return {"file": str(file), "error": " ".join(str(result).split())}
    return {"file": str(file), **result.to_dict()}


def columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of a table of rows."""
    return ("file", "label", "sure", "duration", *(f"p_{name}" for name in classes), "error")


def cells(row: Row, classes: Sequence[str]) -> tuple[Any, ...]:
    """Return a row's values in the order of ``columns``; None where there is none."""
    if "error" in row:
        return (row["file"], None, None, None, *(None for _ in classes), row["error"])
    return (
        row["file"],
        row["label"],
        row["sure"],
        row["duration"],
        *(row["probabilities"][name] for name in classes),
        None,
    )


def printable(values: Sequence[Any]) -> list[str]:
    """Return cells as a CSV holds them: six digits, empty where there is no value."""
    return [_printable(value) for value in values]


def _printable(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, ".6g") if isinstance(value, float) else str(value)
