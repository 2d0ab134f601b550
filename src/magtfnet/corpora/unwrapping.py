"""Where in a folder a corpus lies: what archives wrap it in is looked into, what is there twice is read once."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from magtfnet.corpora.base import LeftOut, Utterance
from magtfnet.errors import CorpusRootError

LEVELS = 4
"""Of folders that are looked into, the root among them."""
NOT_OURS = "__MACOSX"
"""What macOS puts into archives: a shadow of each file, under its name."""


def list_folder(root: Path, expected: str) -> list[Path]:
    """Return the sorted entries of a folder, without hidden ones and what macOS adds.

    Raises:
        CorpusRootError: it is a file, not a folder.
    """
    if not root.is_dir():
        raise CorpusRootError(root, "a file, not a folder" if root.exists() else "no such folder", expected)
    return sorted(entry for entry in root.iterdir() if not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Whether an entry of this name is none of the corpus, whatever lies in it."""
    return name.startswith(".") or name == NOT_OURS


def in_folders(
    root: Path, expected: str, belongs: Callable[[str], bool], otherwise: str
) -> Iterator["Path | LeftOut"]:
    """Yield the files of ``root`` and of its folders whose names belong, in order; of other folders that they do not.

    Args:
        root: what is listed.
        expected: what was expected there, for the message.
        belongs: whether a folder of this name is looked into.
        otherwise: what is said of one that is not.
    """
    for entry in list_folder(root, expected):
        if not entry.is_dir():
            yield entry
        elif belongs(entry.name):
            yield from list_folder(entry, expected)
        else:
            yield LeftOut(entry, otherwise)


def read_each(
    root: Path,
    expected: str,
    belongs: Callable[[str], bool],
    read: Callable[[Path], Iterable[Utterance | LeftOut]],
) -> Iterator[Utterance | LeftOut]:
    """Yield what is read of ``root`` or of each folder below it that holds the corpus or a part of it.

    Halves that were unpacked side by side are both read; of a copy beside another, or inside, each utterance is left
    out that was there before.

    Args:
        root: what the user named.
        expected: what was expected there, for the message.
        belongs: whether an entry of this name is one of the corpus' own.
        read: yields the utterances of a folder that has such entries.

    Raises:
        CorpusRootError: ``root`` is a file, or one of several folders that the corpus consists of.
    """
    whole = root.resolve()
    if belongs(whole.name) and any(belongs(entry.name) for entry in _siblings(whole)):
        raise CorpusRootError(
            root, "one of several folders of the corpus", f"{whole.parent}, which holds them all"
        )
    seen: set[str] = set()
    for folder in unwrapped(root, expected, belongs):
        here: list[str] = []
        for item in read(folder):
            if isinstance(item, LeftOut):
                yield item
            elif item.id in seen:
                yield LeftOut(item.path, "an utterance that another folder holds too")
            else:
                here.append(item.id)
                yield item
        seen.update(here)


def unwrapped(root: Path, expected: str, belongs: Callable[[str], bool]) -> list[Path]:
    """Return the folders that hold entries whose names belong, those nearest to ``root`` first.

    Folders are looked into level by level, at most three below ``root``; not those that lie in one that is found.

    Raises:
        CorpusRootError: it is a file, not a folder.
    """
    found, level = [], [root]
    for _ in range(LEVELS):
        inner = []
        for folder in level:
            entries = list_folder(folder, expected)
            if any(belongs(entry.name) for entry in entries):
                found.append(folder)
            else:
                inner += [entry for entry in entries if entry.is_dir()]
        level = inner
    return found


def _siblings(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.parent.iterdir() if entry != folder and entry.is_dir()]
    except OSError:  # it may be read, its parent not
        return []
