"""Anyone's own recordings: one folder per emotion.

``root/<emotion>/**/<recording>``: the folder's name is the native label. Speakers and sentences are not known
unless the mapping file says where they stand in the file's name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.audio.finding import AUDIO_SUFFIXES
from magtfnet.corpora.base import CorpusInfo, Foreign, LeftOut, Utterance, register_own_data
from magtfnet.corpora.mapping import LabelMapping
from magtfnet.corpora.unwrapping import list_folder
from magtfnet.errors import CorpusLayoutError, CorpusRootError, LabelError
from magtfnet.labels import composed, emotion_of

INFO = CorpusInfo(
    name="folder",
    title="Your own recordings, one folder per emotion",
    licence="yours",
    source="a folder that holds one folder per emotion",
)

SUFFIXES = ", ".join(sorted(AUDIO_SUFFIXES))
EXPECTED = f"recordings of this emotion as {SUFFIXES} (ffmpeg -i a.m4a a.wav), or no such folder"


@register_own_data(INFO)
def read_folder(root: Path, mapping: LabelMapping) -> Iterator[Utterance | LeftOut]:
    """Yield the recordings under each emotion's folder, sorted; the id is the path below the root."""
    for folder in list_folder(root, INFO.source):
        if not folder.is_dir():
            yield LeftOut(folder, "not in a folder of an emotion")
            continue
        recordings: list[Path] = []
        others: list[Path] = []
        for path in sorted(_files_below(folder)):
            if path.is_symlink() and not path.exists():
                yield LeftOut(path, "a link to nothing")
            elif path.is_dir():
                yield LeftOut(path, "a link to a folder")
            elif not path.is_file():
                yield LeftOut(path, "not a regular file")
            elif path.suffix.lower() in AUDIO_SUFFIXES:
                recordings.append(path)
            else:
                others.append(path)
        if others and not recordings and _is_emotion(folder, mapping):
            # a class would be missing, and nobody told
            yield Foreign(folder, f"no recording in it ({others[0].name} first)", EXPECTED)
        for path in others:
            yield LeftOut(path, "not a recording by its suffix")
        if not recordings:
            continue
        emotion = _emotion(folder, mapping)
        for path in recordings:
            if emotion is None:
                yield LeftOut(path, f"emotion '{folder.name}' is left out by the mapping file")
            else:
                yield Utterance(
                    id=path.relative_to(root).as_posix(),
                    path=path,
                    emotion=emotion,
                    speaker=_group(mapping.speaker, path, "speaker"),
                    sentence=_group(mapping.sentence, path, "sentence"),
                )


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield what lies below a folder and is none itself, links to folders among it; hidden ones are passed over.

    A folder that cannot be read is an error, where ``rglob`` passes over it: the corpus would be another.
    """
    for entry in list_folder(folder, INFO.source):
        if entry.is_dir() and not entry.is_symlink():
            yield from _files_below(entry)
        else:
            yield entry


def _is_emotion(folder: Path, mapping: LabelMapping) -> bool:
    try:
        return mapping.emotion(folder.name, folder) is not None
    except LabelError:
        return False


def _emotion(folder: Path, mapping: LabelMapping) -> str | None:
    try:
        return mapping.emotion(folder.name, folder)
    except LabelError:
        inner = [entry for entry in list_folder(folder, INFO.source) if entry.is_dir()]
        if inner and all(emotion_of(entry.name) for entry in inner):
            names = ", ".join(entry.name for entry in inner)
            raise CorpusRootError(
                folder.parent, f"the folders of emotions ({names}) lie a level deeper", str(folder)
            ) from None
        raise


def _group(pattern: re.Pattern[str] | None, path: Path, what: str) -> str | None:
    if pattern is None:
        return None
    match = pattern.search(composed(path.name))
    if match is None:
        raise CorpusLayoutError(
            path, f"no {what} in its name", f"a name that the pattern {pattern.pattern} finds"
        )
    return (match[1] or "").strip() or None  # an empty name is nobody's
