"""EMOVO, the Italian emotional speech database (Costantini et al., LREC 2014).

Acted Italian: 6 actors, 14 sentences, 7 emotions, 588 utterances, 48 kHz stereo WAV. ``f1/dis-f1-b1.wav`` spells
emotion (disgusto), speaker (female 1) and sentence b1 (b short, l long, n nonsense, d question).
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
from magtfnet.corpora.unwrapping import in_folders, read_each
from magtfnet.labels import Emotion

SPEAKER = re.compile(r"[fm][1-3]", re.IGNORECASE)
FILE_NAME = re.compile(
    r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][1-3])-(?P<sentence>b[1-3]|l[1-4]|n[1-5]|d[12])\.wav",
    re.IGNORECASE,
)
EMOTIONS = {
    "dis": Emotion.DISGUST, "gio": Emotion.HAPPINESS, "neu": Emotion.NEUTRAL, "pau": Emotion.FEAR,
    "rab": Emotion.ANGER, "sor": Emotion.SURPRISE, "tri": Emotion.SADNESS,
}  # fmt: skip

INFO = CorpusInfo(
    name="emovo",
    title="EMOVO, acted Italian",
    language="it",
    licence="non-commercial use with acknowledgement",
    source="folders f1 to f3 and m1 to m3, from http://voice.fub.it/activities/corpora/emovo/index.html",
    citation="Costantini et al., EMOVO corpus: an Italian emotional speech database, LREC 2014",
    speakers=6,
    utterances=588,
    classes=dict.fromkeys(sorted(emotion.value for emotion in EMOTIONS.values()), 84),
    sample_rate=48_000,
    container="WAV",
    request="see http://voice.fub.it/activities/corpora/emovo/index.html; where that page does not answer, "
    "write to the authors of the paper",
)


@register_corpus(INFO)
def read_emovo(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the speakers' folders, or those in ``root`` itself, in file-name order."""
    return read_each(
        root, INFO.source, lambda name: _is_speaker(name) or bool(FILE_NAME.fullmatch(name)), _read
    )


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for found in in_folders(root, INFO.source, _is_speaker, "a folder of no speaker"):
        yield found if isinstance(found, LeftOut) else _utterance(found)


def _is_speaker(name: str) -> bool:
    return SPEAKER.fullmatch(name) is not None


def _utterance(path: Path) -> Utterance | LeftOut:
    if path.suffix.lower() != ".wav":
        return LeftOut(path, "not a WAV file")
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        return Foreign(path, "not a name of EMOVO", "a name such as dis-f1-b1.wav")
    return Utterance(
        id=path.stem.lower(),
        path=path,
        emotion=EMOTIONS[name["emotion"].lower()].value,
        speaker=name["speaker"].lower(),
        sentence=name["sentence"].lower(),
        sex="female" if name["speaker"].lower().startswith("f") else "male",
    )
