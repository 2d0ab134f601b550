"""Results as they come, a line each, beside the table that they will become: what an interruption leaves.

The first line says which model answers about which inputs; a journal goes on only with the same.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from magtfnet.errors import ResultsError
from magtfnet.recognizer.result_rows import Row

FORMAT = "magtfnet results 2"


class Journal:
    """A file of rows, as JSON lines behind a heading.

    Args:
        path: the file.
        heading: what must be the same to go on: model, inputs and the like, plain data.
    """

    def __init__(self, path: Path, heading: Mapping[str, Any]) -> None:
        self.path = path
        self.heading = {"format": FORMAT, **json.loads(json.dumps(dict(heading)))}
        self._file: IO[bytes] | None = None
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))

    def open(self, *, resume: bool) -> int:
        """Begin the journal, or go on with it behind its last whole line; return how many rows it has.

        Raises:
            ResultsError: it is there and is not to be resumed, began otherwise, or another process writes it.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ResultsError(
                f"{self.path}: another process writes it; wait for its end, or choose another --out"
            ) from None
        try:
            return self._begin(resume)
        except BaseException:
            self.close()
            raise

    def _begin(self, resume: bool) -> int:
        if self.path.exists() and not resume:
            raise ResultsError(f"{self.path}: unfinished results; go on with --resume, or remove the file")
        if not self.path.exists():
            self._file = self.path.open("xb")
            self._write_line(self.heading)
            self._file.flush()
            return 0
        whole, lines = 0, 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if lines == 0:
                    self._refuse_other(line)
                whole, lines = whole + len(line), lines + 1
        if lines == 0:
            self._refuse_other(b"")
        self._file = self.path.open("r+b")
        self._file.truncate(whole)
        self._file.seek(whole)
        return lines - 1

    def add(self, row: Row) -> None:
        """Append a row; it is on its way to the disk at once."""
        self._write_line(row)
        assert self._file is not None
        self._file.flush()

    def rows(self) -> Iterator[Row]:
        """Yield the rows from the first on.

        Raises:
            ResultsError: a line is damaged.
        """
        with self.path.open("rb") as file:
            for number, line in enumerate(islice(file, 1, None), start=2):
                yield self._row(number, line)

    def close(self) -> None:
        """Close the file and let others write it; what was written stays."""
        if self._file is not None:
            self._file.close()
        if self._lock.is_locked:
            with suppress(OSError):  # Windows removes it by itself, and not before it is released
                Path(self._lock.lock_file).unlink()
            self._lock.release()

    def remove(self) -> None:
        """Close and remove it, once its rows stand in a table."""
        self.close()
        self.path.unlink()

    def _row(self, number: int, line: bytes) -> Row:
        try:
            row: Row = json.loads(line)
            if isinstance(row["file"], str) and ("error" in row or isinstance(row["probabilities"], dict)):
                return row
        except (ValueError, KeyError, TypeError):
            pass
        raise ResultsError(f"{self.path}: line {number} is damaged; remove the file and begin anew")

    def _write_line(self, values: Mapping[str, Any]) -> None:
        assert self._file is not None, "open it first"
        # Names of files that are no valid Unicode hold lone surrogates, which ASCII escapes carry.
        self._file.write(json.dumps(values).encode("ascii") + b"\n")

    def _refuse_other(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ResultsError(
                f"{self.path}: no results of magtfnet; remove the file, or choose another --out"
            )
        for key, value in self.heading.items():
            if found.get(key) != value:
                raise ResultsError(
                    f"{self.path}: began with another {key}; resume with the same, or remove the file and begin anew"
                )
