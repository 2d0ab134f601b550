"""EMO-DB, the Berlin Database of Emotional Speech (Burkhardt et al., Interspeech 2005).

Acted German: 10 speakers, 10 texts, 7 emotions, 535 utterances, 16 kHz mono WAV, 1487.09 s.
The name ``03a01Fa.wav`` spells speaker 03, text a01, emotion F (Freude), take a.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.corpora.base import CorpusInfo, Foreign, LeftOut, Utterance, register_corpus
from magtfnet.corpora.sources import Archive
from magtfnet.corpora.unwrapping import list_folder, read_each
from magtfnet.labels import Emotion

FILE_NAME = re.compile(
    r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[AEFLNTW])[a-f]\.wav", re.IGNORECASE
)
EMOTIONS = {
    "A": Emotion.FEAR, "E": Emotion.DISGUST, "F": Emotion.HAPPINESS, "L": Emotion.BOREDOM,
    "N": Emotion.NEUTRAL, "T": Emotion.SADNESS, "W": Emotion.ANGER,
}  # fmt: skip
MALE = frozenset({"03", "10", "11", "12", "15"})

INFO = CorpusInfo(
    name="emodb",
    title="Berlin Database of Emotional Speech, acted German",
    language="de",
    licence="CC0-1.0",
    source="a folder wav/ of 535 files, from http://emodb.bilderbar.info/download/",
    citation="Burkhardt et al., A database of German emotional speech, Interspeech 2005",
    speakers=10,
    utterances=535,
    classes={
        "anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62,
    },
    sample_rate=16_000,
    container="WAV",
    seconds=1487.09,
    shortest=1.2255,
    longest=8.9783,
    downloads=(Archive("http://emodb.bilderbar.info/download/download.zip"),),
)  # fmt: skip


@register_corpus(INFO)
def read_emodb(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of ``root/wav`` (or of ``root``, where that holds the files) in file-name order."""
    return read_each(root, INFO.source, lambda name: FILE_NAME.fullmatch(name) is not None, _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for path in list_folder(root, INFO.source):
        if path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
            continue
        name = FILE_NAME.fullmatch(path.name)
        if name is None:
            yield Foreign(path, "not a name of EMO-DB", "a name such as 03a01Fa.wav")
            continue
        yield Utterance(
            id=path.stem,
            path=path,
            emotion=EMOTIONS[name["emotion"].upper()].value,
            speaker=name["speaker"],
            sentence=name["sentence"].lower(),
            sex="male" if name["speaker"] in MALE else "female",
        )
