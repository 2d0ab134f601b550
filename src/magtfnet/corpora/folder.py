"""Anyone's own recordings: one folder per emotion.

``root/<emotion>/**/<recording>``: the folder's name is the native label. Speakers and sentences are not known
unless the mapping file says where they stand in the file's name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.audio.finding import AUDIO_SUFFIXES
from magtfnet.corpora.base import CorpusInfo, LeftOut, Utterance, list_folder, register_own_data
from magtfnet.corpora.mapping import LabelMapping
from magtfnet.errors import CorpusLayoutError

INFO = CorpusInfo(
    name="folder",
    title="Your own recordings, one folder per emotion",
    licence="yours",
    source="a folder that holds one folder per emotion",
)


@register_own_data(INFO)
def read_folder(root: Path, mapping: LabelMapping) -> Iterator[Utterance | LeftOut]:
    """Yield the recordings under each emotion's folder, sorted; the id is the path below the root."""
    for folder in list_folder(root, INFO.source):
        if not folder.is_dir():
            yield LeftOut(folder, "not in a folder of an emotion")
            continue
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        if not paths:
            continue
        emotion = mapping.emotion(folder.name, folder)
        for path in paths:
            if path.suffix.lower() not in AUDIO_SUFFIXES:
                yield LeftOut(path, "not a recording by its suffix")
            elif emotion is None:
                yield LeftOut(path, f"emotion '{folder.name}' is left out by the mapping file")
            else:
                yield Utterance(
                    id=path.relative_to(root).as_posix(),
                    path=path,
                    emotion=emotion,
                    speaker=_group(mapping.speaker, path, "speaker"),
                    sentence=_group(mapping.sentence, path, "sentence"),
                )


def _group(pattern: re.Pattern[str] | None, path: Path, what: str) -> str | None:
    if pattern is None:
        return None
    match = pattern.search(path.name)
    if match is None:
        raise CorpusLayoutError(
            path, f"no {what} in its name", f"a name that the pattern {pattern.pattern} finds"
        )
    return match[1]
