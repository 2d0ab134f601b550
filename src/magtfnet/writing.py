"""Writing files and folders whole or not at all: to a temporary name beside the place, then renamed."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to, which takes the place of ``path`` at the end.

    Where writing fails, what stood there before stands there still.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file as ``whole_file`` does.

    Names that are no valid Unicode, as file systems may hold, survive the way through a file.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def take_place(folder: Path, path: Path) -> None:
    """Give a folder the place of ``path``, which is nothing or an empty folder."""
    if sys.platform == "win32" and path.is_dir():  # elsewhere an empty folder is replaced
        path.rmdir()
    os.replace(folder, path)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes the place of ``path`` (nothing, or an empty folder) at the end.

    Where filling fails nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shelter = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        folder = shelter / path.name  # made by mkdir, so with the permissions that the user's umask asks for
        folder.mkdir()
        yield folder
        take_place(folder, path)
    finally:
        shutil.rmtree(shelter, ignore_errors=True)
