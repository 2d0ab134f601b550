"""SAVEE, the Surrey Audio-Visual Expressed Emotion database (Haq and Jackson, 2010), its audio.

Acted British English: 4 men, 7 emotions, 480 utterances, 44.1 kHz WAV. ``DC/a01.wav`` (or, flattened,
``DC_a01.wav``) spells speaker DC, emotion a, number 01. Three texts of each emotion are common to all emotions,
but the numbers do not say which, so texts count as not known.
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

SPEAKERS = ("DC", "JE", "JK", "KL")
FLAT = re.compile(r"(?P<speaker>DC|JE|JK|KL)_?(?P<code>(?P<emotion>sa|su|[adfhn])\d\d)\.wav", re.IGNORECASE)
IN_FOLDER = re.compile(r"(?P<code>(?P<emotion>sa|su|[adfhn])\d\d)\.wav", re.IGNORECASE)
EMOTIONS = {
    "a": Emotion.ANGER, "d": Emotion.DISGUST, "f": Emotion.FEAR, "h": Emotion.HAPPINESS, "n": Emotion.NEUTRAL,
    "sa": Emotion.SADNESS, "su": Emotion.SURPRISE,
}  # fmt: skip

INFO = CorpusInfo(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion database, acted British English",
    language="en",
    licence="research use, on registration with the University of Surrey",
    source="folders DC, JE, JK and KL (AudioData/), or files such as DC_a01.wav, "
    "from http://kahlan.eps.surrey.ac.uk/savee/",
    citation="Haq and Jackson, Multimodal emotion recognition, in Machine Audition, IGI Global 2010",
    speakers=4,
    utterances=480,
    classes={
        "anger": 60, "disgust": 60, "fear": 60, "happiness": 60, "neutral": 120, "sadness": 60, "surprise": 60,
    },
    sample_rate=44_100,
    container="WAV",
    request="register at http://kahlan.eps.surrey.ac.uk/savee/Download.html",
)  # fmt: skip


@register_corpus(INFO)
def read_savee(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of ``root/DC`` and so on, or those in ``root`` itself, in file-name order."""
    return read_each(root, INFO.source, lambda name: _is_speaker(name) or bool(FLAT.fullmatch(name)), _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for found in in_folders(root, INFO.source, _is_speaker, "a folder of no speaker"):
        yield found if isinstance(found, LeftOut) else _utterance(found)


def _is_speaker(name: str) -> bool:
    return name.upper() in SPEAKERS


def _utterance(path: Path) -> Utterance | LeftOut:
    if path.suffix.lower() != ".wav":
        return LeftOut(path, "not a WAV file")
    flat = FLAT.fullmatch(path.name)
    folder = path.parent.name
    name = flat or (IN_FOLDER.fullmatch(path.name) if _is_speaker(folder) else None)
    if name is None:
        return Foreign(path, "not a name of SAVEE", "a name such as DC/a01.wav or DC_a01.wav")
    speaker = (flat["speaker"] if flat else folder).upper()
    return Utterance(
        id=f"{speaker}_{name['code'].lower()}",
        path=path,
        emotion=EMOTIONS[name["emotion"].lower()].value,
        speaker=speaker,
        sex="male",
    )
