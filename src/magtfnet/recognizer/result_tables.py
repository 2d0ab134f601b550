r"""A table of results as CSV, JSON lines or Parquet, written row by row.

Names of files that are no valid Unicode have ``\udcNN`` for each odd byte, so that any reader can read the table.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from magtfnet.errors import MissingExtraError, ResultsError
from magtfnet.recognizer.result_rows import Row, cells, columns, printable
from magtfnet.writing import whole_file

ROW_GROUP = 10_000
"""Rows of Parquet that are in memory at once."""


def writer_for(path: Path) -> Callable[[Path, Iterable[Row], Sequence[str]], None]:
    """Return the function that writes a table of the kind that a file's suffix names.

    Raises:
        ResultsError: no such kind.
        MissingExtraError: Parquet, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise ResultsError(
            f"{path}: results are written to {', '.join(WRITERS)}, not '{suffix}'; change the suffix"
        )
    if suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401  (found out now rather than at the end)
        except ModuleNotFoundError as error:
            raise MissingExtraError("pyarrow", "parquet") from error
    return WRITERS[suffix]


def write_csv(path: Path, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Write a line a row: ``file, label, sure, duration, p_<class>…, error``."""
    with (
        whole_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns(classes))
        writer.writerows(printable(cells(row, classes)) for row in rows)


def write_json_lines(path: Path, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Write an object a line."""
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(path: Path, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Write the columns of ``write_csv``, numbers as float64 and ``sure`` as a boolean."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"file": pa.string(), "label": pa.string(), "sure": pa.bool_(), "error": pa.string()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns(classes)])
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for group in _batched(rows, ROW_GROUP):
            table = zip(*(_valid_text(cells(row, classes)) for row in group), strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(table, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))


def _batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while group := list(islice(iterator, size)):
        yield group


def _valid_text(values: Iterable[Any]) -> list[Any]:
    """Return cells with names that are no valid Unicode escaped, since Parquet holds valid Unicode alone."""
    return [v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values]


WRITERS = {".csv": write_csv, ".jsonl": write_json_lines, ".parquet": write_parquet}
