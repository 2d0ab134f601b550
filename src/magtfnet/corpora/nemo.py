"""nEMO, the dataset of emotional speech in Polish (Christop, LREC-COLING 2024).

Acted Polish: 9 actors, 90 sentences, 6 emotions, 4481 utterances, WAV. ``data.tsv`` has a row for each
file of ``samples/``, whose name, ``WR0_surprised_64.wav``, spells speaker, emotion and sentence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.corpora.base import (
    CorpusInfo,
    Foreign,
    LeftOut,
    Utterance,
    register_corpus,
)
from magtfnet.corpora.sheets import read_sheet
from magtfnet.corpora.sources import Archive
from magtfnet.corpora.unwrapping import list_folder, read_each
from magtfnet.errors import CorpusLayoutError
from magtfnet.labels import Emotion

TABLE = "data.tsv"
COLUMNS = ("file_id", "emotion", "speaker_id", "gender")
FILE_NAME = re.compile(r"(?P<speaker>\w+)_(?P<emotion>[a-z]+)_(?P<sentence>\d+)\.wav", re.IGNORECASE)
EMOTIONS = {
    "anger": Emotion.ANGER, "fear": Emotion.FEAR, "happiness": Emotion.HAPPINESS, "neutral": Emotion.NEUTRAL,
    "sadness": Emotion.SADNESS, "surprised": Emotion.SURPRISE,
}  # fmt: skip

INFO = CorpusInfo(
    name="nemo",
    title="nEMO, acted Polish",
    language="pl",
    licence="CC-BY-NC-SA-4.0",
    source="data.tsv beside a folder samples/ of 4481 files, from https://github.com/amu-cai/nEMO",
    citation="Christop, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024",
    speakers=9,
    utterances=4481,
    classes={
        "anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669,
    },
    container="WAV",
    downloads=(Archive("https://github.com/amu-cai/nEMO/archive/refs/heads/main.zip"),),
)  # fmt: skip


@register_corpus(INFO)
def read_nemo(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the recordings that ``data.tsv`` names, in file-name order."""
    return read_each(root, INFO.source, lambda name: name == TABLE, _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    if not (root / TABLE).is_file():
        return
    rows = _read_table(root / TABLE)
    for path in list_folder(root / "samples", INFO.source):
        if path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
        elif path.name in rows:
            yield _utterance(path, rows.pop(path.name))
        else:
            yield Foreign(path, f"no row in {TABLE}", f"a row for each file of samples/ in {TABLE}")
    for name in rows:
        yield LeftOut(root / "samples" / name, f"in {TABLE}, but there is no recording")


def _read_table(file: Path) -> dict[str, dict[str, str]]:
    """Return the rows by file; texts hold quotation marks, and one column is indented by blanks."""
    sheet = read_sheet(file, COLUMNS, delimiter="\t", quoted=False)
    return {row["file_id"]: row for _, row in sheet}


def _utterance(path: Path, row: dict[str, str]) -> Utterance:
    name = FILE_NAME.fullmatch(path.name)
    if name is None or row["emotion"] not in EMOTIONS or name["emotion"] != row["emotion"]:
        raise CorpusLayoutError(
            path,
            f"{TABLE} says '{row['emotion']}'",
            f"the emotion of the name, one of {', '.join(EMOTIONS)}: copy both again",
        )
    return Utterance(
        id=path.stem,
        path=path,
        emotion=EMOTIONS[row["emotion"]].value,
        speaker=row["speaker_id"],
        sentence=name["sentence"],
        sex=row["gender"],
    )
