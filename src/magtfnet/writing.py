"""Writing files whole or not at all: to a temporary name beside the place, then renamed."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file; where writing fails, what stood there before stands there still.

    Names that are no valid Unicode, as file systems may hold, survive the way through a file.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
