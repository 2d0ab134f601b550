"""The recordings in a folder, by their suffixes, in an order that does not change."""

import os
from collections.abc import Iterator
from pathlib import Path

from magtfnet.errors import StorageError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"})


def find_recordings(folder: Path, *, recursive: bool = True) -> Iterator[Path]:
    """Yield the recordings in a folder and, where asked, in those below it; hidden ones are left out.

    Folder by folder, so that memory does not grow with the number of files; names sorted in each, its own files
    before the folders in it. Links to folders are not followed.

    Raises:
        StorageError: a folder cannot be read.
    """
    try:
        with os.scandir(folder) as listed:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in listed)
    except OSError as error:
        raise StorageError(
            f"{folder}: {error.strerror or error}; check the path and its permissions"
        ) from error
    for name, is_folder in entries:
        if not is_folder and not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
            yield folder / name
    if recursive:
        for name, is_folder in entries:
            if is_folder and not name.startswith("."):
                yield from find_recordings(folder / name)
