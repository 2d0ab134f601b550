"""Does a file hold the bytes that its header promises?

libsndfile plays what is left of a truncated WAV, AIFF or OGG without a word, so the headers are read here.
A WAV or AIFF that was written to a pipe has a placeholder for its size (0 or about 2^31 or 2^32) and promises
nothing.
"""

import struct
from collections.abc import Iterator
from errno import EIO
from io import SEEK_END, SEEK_SET, RawIOBase
from typing import Any, BinaryIO, overload

MOST_CHUNKS = 10_000
"""Before the samples; zeros behind a header, as a recorder leaves that loses its power, are one chunk after another."""
PLACEHOLDER = 0x7FFF_0000
"""From this size on, a chunk of unknown length: writers to pipes put 2^31 - 1, 2^32 - 1 or just below."""


class Nameless(RawIOBase):
    """An open file without its name, by which soundfile would judge what it holds.

    Args:
        file: open for reading.

    Attributes:
        error: what the system said while it was read.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: OSError | None = None

    def readinto(self, buffer: Any) -> int:
        """See ``RawIOBase``; what the system says is kept, since libsndfile would pass over it."""
        try:
            data = self._file.read(len(buffer))
        except OSError as error:
            self.error = error
            return 0
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """See ``RawIOBase``."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """See ``RawIOBase``."""
        return self._file.tell()


class FileBytes:
    """The bytes of an open file, read where they are asked for; a long file is never in memory.

    Args:
        file: open for reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, file.seek(0, SEEK_END)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> bytes: ...

    def __getitem__(self, where: int | slice) -> int | bytes:
        first, last, _ = (where if isinstance(where, slice) else slice(where, where + 1)).indices(self._size)
        self._file.seek(first)
        data = self._file.read(max(0, last - first))
        if len(data) < last - first:
            raise OSError(EIO, "it was cut while it was read")
        return data if isinstance(where, slice) else data[0]


Bytes = bytes | FileBytes


def missing_bytes(data: Bytes) -> int:
    """Return how many promised bytes a WAV or AIFF file lacks; 0 where it is whole or of another kind."""
    if data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE":
        return _missing_in_chunks(data, b"data", ">" if data[:4] == b"RIFX" else "<")
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return _missing_in_chunks(data, b"SSND", ">")
    return 0


def unsaid_bytes(data: Bytes) -> int:
    """Return how many bytes of samples stand behind the header of a WAV that says there are none; 0 for others.

    So a recorder leaves it that was stopped, or a writer to a pipe. What follows is no samples where it is chunks.
    """
    start = _wav_chunk(data, b"data")
    if start is None or data[start + 4 : start + 8] != bytes(4):
        return 0
    start = end = start + 8
    for place, name, size in _chunks(data, start):
        if not name.isalnum():
            break
        end = place + 8 + size + size % 2
    return 0 if end == len(data) else len(data) - start


def wav_codec(data: Bytes) -> int | None:
    """Return the number of a WAV's codec (RFC 2361); None where the file is none."""
    start = _wav_chunk(data, b"fmt ")
    return None if start is None else int.from_bytes(data[start + 8 : start + 10], "little")


def _wav_chunk(data: Bytes, wanted: bytes) -> int | None:
    """Return where a chunk of a WAV begins; None where there is none."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    return next((place for place, name, _ in _chunks(data) if name == wanted), None)


def _chunks(data: Bytes, position: int = 12, order: str = "<") -> Iterator[tuple[int, bytes, int]]:
    """Yield where each chunk of a RIFF or IFF file begins, its name and the bytes that it says it has."""
    for _ in range(MOST_CHUNKS):
        if position + 8 > len(data):
            return
        (size,) = struct.unpack(order + "I", data[position + 4 : position + 8])
        yield position, data[position : position + 4], size
        position += 8 + size + size % 2  # chunks are padded to even sizes


def _missing_in_chunks(data: Bytes, wanted: bytes, order: str) -> int:
    """Walk the chunks of a RIFF or IFF file until ``wanted``; every chunk but it must be whole as well."""
    long_size = 0  # RF64's (EBU Tech 3306), whose data chunk only has a placeholder
    end = 12
    for place, name, size in _chunks(data, order=order):
        held = len(data) - place - 8
        if name == b"ds64" and held >= 16:
            (long_size,) = struct.unpack("<Q", data[place + 16 : place + 24])
        if name == wanted and data[:4] == b"RF64":
            return max(0, long_size - held)
        if name == wanted:
            return 0 if size >= PLACEHOLDER else max(0, size - held)
        end = place + 8 + size + size % 2
    # The samples were never reached: the file ends inside or before an earlier chunk.
    return max(1, end - len(data))


def walk_ogg(data: Bytes) -> tuple[int, bool]:
    """Return how many bytes an Ogg file lacks, and whether it is several behind one another, as broadcasts are kept.

    The last page must be whole and carry the end-of-stream flag (RFC 3533, section 6); of a chain (section 4) only the
    first would be heard.
    """
    last = over = chained = False
    for flags, missing in _ogg_pages(data):
        if missing:
            return missing, chained
        chained = chained or (over and bool(flags & 2))
        last = bool(flags & 4)
        over = over or last
    return 0 if last else 1, chained


def _ogg_pages(data: Bytes) -> Iterator[tuple[int, int]]:
    """Yield the flags of each page, and how many of its bytes are missing."""
    position = 0
    while position + 27 <= len(data) and data[position : position + 4] == b"OggS":
        flags, segments = data[position + 5], data[position + 26]
        table = data[position + 27 : position + 27 + segments]
        size = 27 + segments + sum(table)
        if len(table) < segments or position + size > len(data):
            yield flags, position + size - len(data) or 1
            return
        yield flags, 0
        position += size
