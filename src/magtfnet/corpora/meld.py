"""MELD, the Multimodal EmotionLines Dataset (Poria et al., ACL 2019): dialogues of the series *Friends*.

English, 7 emotions, 13708 utterances in train, dev and test. ``train_sent_emo.csv`` and so on give each row a
dialogue, an utterance, a speaker and an emotion; the clips, ``dia0_utt0.mp4``, are video, so their audio has to be
extracted to ``dia0_utt0.wav`` beside them. Two clips of the original cannot be used (one is broken, one missing),
which leaves 13706. Speakers' names are as the tables spell them, but for a few that are spelt in two ways; where a row
names several people or ``All``, its speaker is not known, since each of them speaks elsewhere too. A session is an
episode, by the tables, which give now and then one scene several.

132 clips of the test part are there twice, the second time as ``final_videos_testdia0_utt0.mp4``: cut anew, as
those say who listened. The plain ones are read, as in published results, and the others where there is no plain one.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from magtfnet.corpora.base import (
    CorpusInfo,
    LeftOut,
    Part,
    Utterance,
    register_corpus,
)
from magtfnet.corpora.sheets import read_sheet
from magtfnet.corpora.unwrapping import list_folder, read_each
from magtfnet.errors import CorpusLayoutError
from magtfnet.labels import Emotion

DIVISIONS = ("train", "dev", "test")
FOLDER = re.compile(r"(?:.*[_-])?(train|dev|test)(?:[_-].*)?", re.IGNORECASE)
"""Folders of clips, in the archives (``output_repeated_splits_test``) and as people unpack and convert them."""
UNUSABLE = frozenset({"dia125_utt3-train", "dia110_utt7-dev"})
TABLE = re.compile(r"(?:train|dev|test)_sent_emo\.csv")
DEPTH = 5
"""Folders below the root that are looked into: as it is published, clips lie two deep."""
CLIP = re.compile(r"(?P<again>final_videos_test)?(?P<stem>dia\d+_utt\d+)(?:\.mp4)?", re.IGNORECASE)
"""A name without its suffix; converted audio may keep the video's suffix before its own."""
VIDEO = ".mp4"
SEVERAL = re.compile(
    r"all|both|everyone|everybody|(?:the )?(?:guys|girls|boys)|.*(?:\band\b|[,/&]).*", re.IGNORECASE
)
"""A speaker that is more than one."""
SPELT = {"Dr. Leedbetter": "Dr. Ledbetter", "Phoebe Sr": "Phoebe Sr."}
"""Speakers that the tables spell in two ways, by the rarer."""
NO_AUDIO = "a video without audio beside it; extract it first (ffmpeg -i dia0_utt0.mp4 -vn dia0_utt0.wav)"
COLUMNS = ("Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
SUFFIXES = (".wav", ".flac", ".mp3", VIDEO)
"""What is read, the first that is there; of a video nothing can be."""
EMOTIONS = {
    "anger": Emotion.ANGER, "disgust": Emotion.DISGUST, "fear": Emotion.FEAR, "joy": Emotion.HAPPINESS,
    "neutral": Emotion.NEUTRAL, "sadness": Emotion.SADNESS, "surprise": Emotion.SURPRISE,
}  # fmt: skip
CLASSES = {
    "train": {
        "anger": 1109, "disgust": 271, "fear": 268, "happiness": 1743, "neutral": 4709, "sadness": 683,
        "surprise": 1205,
    },
    "dev": {
        "anger": 153, "disgust": 22, "fear": 40, "happiness": 163, "neutral": 469, "sadness": 111, "surprise": 150,
    },
    "test": {
        "anger": 345, "disgust": 68, "fear": 50, "happiness": 402, "neutral": 1256, "sadness": 208,
        "surprise": 281,
    },
}  # fmt: skip


def _part(division: str) -> Part:
    return Part(
        title=f"{division} part",
        ids=f".+-{division}",
        classes=CLASSES[division],
        utterances=sum(CLASSES[division].values()),
    )


INFO = CorpusInfo(
    name="meld",
    title="Multimodal EmotionLines Dataset, dialogues of a television series in English",
    language="en",
    licence="GPL-3.0 (labels); the episodes belong to their owners",
    source="train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv with the folders of clips and the audio "
    "beside them (dia0_utt0.wav), from https://affective-meld.github.io",
    citation="Poria et al., MELD: A multimodal multi-party dataset for emotion recognition in conversations, ACL 2019",
    utterances=13_706,
    classes={name: sum(CLASSES[part][name] for part in CLASSES) for name in sorted(CLASSES["train"])},
    parts={division: _part(division) for division in DIVISIONS},
    request="download MELD.Raw.tar.gz from https://affective-meld.github.io, unpack it and the archives in it, and "
    "extract the audio of each clip: ffmpeg -i dia0_utt0.mp4 -vn dia0_utt0.wav",
)


@register_corpus(INFO)
def read_meld(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the rows of each table in the order of train, dev and test, dialogues and utterances."""
    return read_each(
        root, INFO.source, lambda name: name in DIVISIONS or TABLE.fullmatch(name) is not None, _read
    )


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    clips, again = _clips(root)
    yield from again
    for division in DIVISIONS:
        name = f"{division}_sent_emo.csv"
        table = next((file for file in (root / name, root / division / name) if file.is_file()), None)
        if table is not None:
            yield from _read_division(root, table, division, clips[division])


def _read_division(
    root: Path, table: Path, division: str, clips: dict[str, Path]
) -> Iterator[Utterance | LeftOut]:
    for row in _read_table(table):
        stem = f"dia{int(row['Dialogue_ID'])}_utt{int(row['Utterance_ID'])}"
        path = clips.pop(stem, None)
        if f"{stem}-{division}" in UNUSABLE:
            yield LeftOut(path or root / stem, "broken or missing in the original")
        elif path is None:
            yield LeftOut(root / stem, f"in {table.name}, but there is no recording")
        elif path.suffix.lower() == VIDEO:
            yield LeftOut(path, NO_AUDIO)
        else:
            yield Utterance(
                id=f"{stem}-{division}",
                path=path,
                emotion=EMOTIONS[row["Emotion"].lower()].value,
                speaker=_speaker(row["Speaker"]),
                session=f"S{int(row['Season']):02d}E{int(row['Episode']):02d}",
            )
    for path in clips.values():
        yield LeftOut(path, f"no row in {table.name}")


def _speaker(name: str) -> str | None:
    return None if SEVERAL.fullmatch(name) else SPELT.get(name, name)


def _below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield the clips below a folder, also behind links, in order; what is hidden is passed over."""
    for entry in list_folder(folder, INFO.source):
        if CLIP.fullmatch(entry.stem) and entry.suffix:
            yield entry
        elif depth and entry.is_dir():
            yield from _below(entry, depth - 1)


def _clips(root: Path) -> tuple[dict[str, dict[str, Path]], list[LeftOut]]:
    """Return the clip of each division by stem, and second cuts of the same.

    A clip is of the division that the innermost folder below the root names.
    """
    clips: dict[str, dict[str, Path]] = {division: {} for division in DIVISIONS}
    again: dict[str, dict[str, Path]] = {division: {} for division in DIVISIONS}
    for path in _below(root):
        folders = path.relative_to(root).parts[:-1]
        named = [match[1].lower() for part in folders if (match := FOLDER.fullmatch(part))]
        suffix = path.suffix.lower()
        if not named or suffix not in SUFFIXES:
            continue
        name = cast("re.Match[str]", CLIP.fullmatch(path.stem))
        those = (again if name["again"] else clips)[named[-1]]
        stem = name["stem"].lower()
        if stem not in those or SUFFIXES.index(suffix) < SUFFIXES.index(those[stem].suffix.lower()):
            those[stem] = path
    twice = [
        LeftOut(path, "a clip that is there without this prefix too")
        for division in DIVISIONS
        for stem, path in again[division].items()
        if clips[division].setdefault(stem, path) != path
    ]
    return clips, twice


def _read_table(file: Path) -> Iterator[dict[str, str]]:
    """Yield the rows; some texts hold bytes that are no UTF-8."""
    for line, row in read_sheet(file, COLUMNS):
        numbers = [row[key] for key in COLUMNS[2:]]
        if row["Emotion"].lower() not in EMOTIONS or not all(map(str.isdecimal, numbers)):
            raise CorpusLayoutError(
                file,
                f"line {line} has emotion '{row['Emotion']}' and numbers {', '.join(numbers)}",
                f"one of {', '.join(EMOTIONS)}, and whole numbers: copy the table again",
            )
        yield row
