"""CASIA, the Chinese emotional corpus of the Institute of Automation, Chinese Academy of Sciences: its public part.

Acted Mandarin: 4 speakers say each of 50 texts in 6 emotions, 1200 utterances, 16 kHz WAV. Two layouts are in
circulation, ``<speaker>/<emotion>/<number>.wav`` and ``<emotion>/<number>-<emotion>-<speaker>.wav``; the numbers
201 to 250 are the texts. Files with the texts lie beside them, some with names in Chinese.

The paper has 960 utterances and does not say which; ``first_40_texts`` are as many (40 of the 50 texts).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.corpora.base import (
    CorpusInfo,
    Foreign,
    LeftOut,
    Part,
    Utterance,
    register_corpus,
)
from magtfnet.corpora.unwrapping import list_folder, read_each
from magtfnet.labels import Emotion

NUMBER = r"(?P<number>2(?:0[1-9]|[1-4]\d|50))"
UNDER_SPEAKER = re.compile(NUMBER)
UNDER_EMOTION = re.compile(NUMBER + r"-(?P<emotion>[a-z]+)-(?P<speaker>[a-z]+)", re.IGNORECASE)
SPEAKERS = {"liuchanhg": "female", "wangzhe": "male", "zhaoquanyin": "female", "zhaozuoxiang": "male"}
EMOTIONS = {
    "angry": Emotion.ANGER, "fear": Emotion.FEAR, "happy": Emotion.HAPPINESS, "neutral": Emotion.NEUTRAL,
    "sad": Emotion.SADNESS, "surprise": Emotion.SURPRISE,
}  # fmt: skip

INFO = CorpusInfo(
    name="casia",
    title="CASIA Chinese emotional corpus, public part, acted Mandarin",
    language="zh",
    licence="research use; ask the Institute of Automation, Chinese Academy of Sciences",
    source="a folder a speaker (liuchanhg/angry/201.wav) or a folder an emotion (angry/201-angry-liuchanhg.wav)",
    citation="Institute of Automation, Chinese Academy of Sciences, CASIA Chinese emotional corpus",
    speakers=4,
    utterances=1200,
    classes=dict.fromkeys(("anger", "fear", "happiness", "neutral", "sadness", "surprise"), 200),
    sample_rate=16_000,
    container="WAV",
    parts={
        "first_40_texts": Part(
            title="texts 201 to 240",
            ids=r"2(?:[0-3]\d|40)-.+",
            classes=dict.fromkeys(("anger", "fear", "happiness", "neutral", "sadness", "surprise"), 160),
            utterances=960,
            speakers=4,
        )
    },
    request="ask the Chinese Linguistic Data Consortium, http://www.chineseldc.org/, for the CASIA emotional corpus",
)


@register_corpus(INFO)
def read_casia(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of either layout in the order of folders and names."""
    return read_each(
        root, INFO.source, lambda name: name.lower() in SPEAKERS or name.lower() in EMOTIONS, _read
    )


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for folder in list_folder(root, INFO.source):
        if not folder.is_dir():
            yield LeftOut(folder, "not in a folder of a speaker or an emotion")
        elif folder.name.lower() in SPEAKERS:
            for inner in list_folder(folder, INFO.source):
                if inner.is_dir() and inner.name.lower() in EMOTIONS:
                    yield from _read_folder(inner, inner.name, folder.name)
                else:
                    yield LeftOut(inner, "not in a folder of an emotion")
        elif folder.name.lower() in EMOTIONS:
            yield from _read_folder(folder, folder.name, None)
        else:
            yield LeftOut(folder, "a folder of neither a speaker nor an emotion")


def _read_folder(folder: Path, emotion: str, speaker: str | None) -> Iterator[Utterance | LeftOut]:
    for path in list_folder(folder, INFO.source):
        if path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
        else:
            yield _utterance(path, emotion.lower(), speaker)


def _utterance(path: Path, emotion: str, speaker: str | None) -> Utterance | LeftOut:
    name = (UNDER_EMOTION if speaker is None else UNDER_SPEAKER).fullmatch(path.stem)
    if name is not None and speaker is None:
        speaker = name["speaker"] if name["emotion"].lower() == emotion else None
    if name is None or speaker is None or speaker.lower() not in SPEAKERS:
        return Foreign(
            path,
            "not a name of CASIA in this folder",
            "201.wav to 250.wav under liuchanhg/angry, or 201-angry-liuchanhg.wav under angry",
        )
    return Utterance(
        id=f"{name['number']}-{speaker.lower()}-{emotion}",
        path=path,
        emotion=EMOTIONS[emotion].value,
        speaker=speaker.lower(),
        sentence=name["number"],
        sex=SPEAKERS[speaker.lower()],
    )
