"""The folder in which the page keeps what was sent to it: how much that is, and when it goes.

gradio's own sweep walks over a set that uploads change, and ends for good when they do.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from magtfnet.service.limits import MEBIBYTE
from magtfnet.service.problems import ProblemError

PREFIX = "magtfnet-page-"
"""Begins the folder's name; the number of its process follows."""
KEPT_SECONDS = 600
"""How long a file is kept for playing it; the folder goes when the service ends."""
SWEEP_SECONDS = 60
SMALLEST = 4096
"""Bytes that a file takes on a disk at least, and that an upload counts for before any have come."""


class Kept:
    """Counts, on the event loop alone, what the page keeps and what is on its way; a sweep counts anew.

    Args:
        folder: of this process alone.
        mib: how much at most.
    """

    def __init__(self, folder: Path, mib: float) -> None:
        self.folder, self.mib = folder, mib
        self.size = 0
        self.on_its_way = 0

    def take(self, size: int) -> None:
        """Count bytes of an upload as they come.

        Raises:
            ProblemError: with them there would be too many.
        """
        if self.size + self.on_its_way + size > self.mib * MEBIBYTE:
            raise ProblemError(
                "overloaded",
                f"the page keeps {(self.size + self.on_its_way) / MEBIBYTE:.2f} MiB of files, at most "
                f"{self.mib:g} MiB; try again in {SWEEP_SECONDS} s",
                {"Retry-After": str(SWEEP_SECONDS)},
            )
        self.on_its_way += size

    def arrived(self, size: int) -> None:
        """Count bytes of an upload that has ended as kept, until they are counted anew."""
        self.on_its_way -= size
        self.size += size

    def gone(self, size: int) -> None:
        """Count a file that was read and removed."""
        self.size -= max(SMALLEST, size)

    def sweep(self) -> int:
        """Remove what has been kept long enough; return the bytes that stay. For a thread: it reads the disk."""
        size = 0
        for file in self._files():
            try:
                told = file.stat()
                if time.time() - told.st_mtime > KEPT_SECONDS:
                    file.unlink()
                else:
                    size += max(SMALLEST, told.st_size)
            except OSError:
                continue  # read and removed meanwhile
        self._remove_empty()
        return size

    def counted(self, before: int, found: int) -> None:
        """Take what a sweep found; what was kept since it began, when ``size`` was ``before``, counts beside it."""
        self.size = found + self.size - before

    def _remove_empty(self) -> None:
        """Remove folders that hold nothing: gradio makes one for each content, and leaves it."""
        with suppress(OSError):  # a folder that goes while it is listed
            for folder in sorted((f for f in self.folder.rglob("*") if f.is_dir()), reverse=True):
                with suppress(OSError):  # it holds something, or a file is on its way into it
                    if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                        folder.rmdir()

    def _files(self) -> Iterator[Path]:
        return (file for file in self.folder.rglob("*") if file.is_file())


def remove_abandoned(parent: Path) -> None:
    """Remove what processes of the same user left there that were killed before they could.

    Where processes cannot be asked for by their number without harm (Windows), nothing is removed.
    """
    if sys.platform == "win32":
        return
    for folder in parent.glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).split("-")[0]
        try:
            own = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
        except OSError:  # another process removes it too
            continue
        if own and number.isdecimal() and not _alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
