"""Rows of float32 in a file, read by their place into memory of the caller's.

Read, not memory-mapped: pages of a mapping count as memory of the process, so that training on a large corpus
would seem to need, and under a limit would be refused, as much as the corpus holds.
"""

import os
import weakref
import zlib
from pathlib import Path
from threading import Lock

import numpy as np

from magtfnet.errors import StorageError

Frames = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class FrameFile:
    """An open file of rows, for one process; any of its threads may read.

    Args:
        path: what is read.
        width: numbers a row.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, width: int) -> None:
        self.path = path
        self.process = os.getpid()
        self.width = width
        self._file = path.open("rb", buffering=0)
        self._turn = Lock()  # seek and read belong together
        weakref.finalize(self, self._file.close)

    def read_into(self, frames: Frames, first: int, checksum: int | None = None) -> None:
        """Fill ``frames`` (T, width), contiguous, with the rows from ``first`` on.

        Args:
            frames: what is filled.
            first: a row.
            checksum: what ``checksum_of`` says of the rows; None where that is not known.

        Raises:
            StorageError: the file ends before the last row, or the rows are not those of the checksum.
            OSError: it cannot be read.
        """
        wanted = frames.data.cast("B")
        with self._turn:
            self._file.seek(first * self.width * 4)
            while wanted:
                got = self._file.readinto(wanted)
                if not got:
                    raise StorageError(
                        f"{self.path}: ends before the frames that its index promises; run again, "
                        "what is missing is then computed anew"
                    )
                wanted = wanted[got:]
        if checksum is not None and checksum_of(frames) != checksum:
            raise StorageError(
                f"{self.path}: damaged, the frames from {first} on are not those that were written; remove the folder, "
                "and its features are computed anew"
            )


def checksum_of(frames: Frames) -> int:
    """Return what tells frames that a disk has lost or altered: their CRC-32."""
    return zlib.crc32(frames.data.cast("B"))
