"""The tables that come with corpora: rows by named columns, or one line that says what is wrong."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from magtfnet.errors import CorpusLayoutError


def read_sheet(
    file: Path, columns: Sequence[str], *, delimiter: str = ",", quoted: bool = True
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the stripped cells of each row; bytes that are no UTF-8 are replaced.

    Raises:
        CorpusLayoutError: a column is missing, or the file is no such table.
    """
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as opened:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        reader = csv.DictReader(opened, delimiter=delimiter, quoting=quoting, restval="")
        try:
            found = reader.fieldnames or ()
            if not set(columns) <= set(found):
                raise CorpusLayoutError(
                    file, f"columns {', '.join(found)}", f"the columns {', '.join(columns)}"
                )
            for row in reader:
                yield reader.line_num, {key: row[key].strip() for key in columns}
        except csv.Error as error:
            raise CorpusLayoutError(
                file, f"{error} near line {reader.line_num}", "the table as published"
            ) from error
