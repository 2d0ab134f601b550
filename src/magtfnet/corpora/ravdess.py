"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song; the speech part, audio only.

Acted North American English (Livingstone & Russo, PLOS ONE 2018): 24 actors, 2 statements, 8 emotions, 1440
utterances, 48 kHz WAV. The name ``03-01-06-01-02-01-12.wav`` spells modality 03 (audio), channel 01 (speech),
emotion 06, intensity 01, statement 02, repetition 01, actor 12; even actors are female.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from magtfnet.corpora.base import CorpusInfo, Foreign, LeftOut, Utterance, register_corpus
from magtfnet.corpora.sources import Archive
from magtfnet.corpora.unwrapping import in_folders, read_each
from magtfnet.labels import Emotion

FILE_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-0[12]-(?P<sentence>0[12])-0[12]-(?P<actor>\d\d)"
)
EMOTIONS = {
    "01": Emotion.NEUTRAL, "02": Emotion.CALM, "03": Emotion.HAPPINESS, "04": Emotion.SADNESS,
    "05": Emotion.ANGER, "06": Emotion.FEAR, "07": Emotion.DISGUST, "08": Emotion.SURPRISE,
}  # fmt: skip
SUFFIXES = frozenset({".wav", ".flac"})
ACTOR = re.compile(r"Actor_(?P<actor>\d\d)", re.IGNORECASE)

INFO = CorpusInfo(
    name="ravdess",
    title="Ryerson Audio-Visual Database, speech, acted English",
    language="en",
    licence="CC-BY-NC-SA-4.0",
    source="folders Actor_01 to Actor_24, from https://zenodo.org/records/1188976",
    citation="Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, PLOS ONE 2018",
    speakers=24,
    utterances=1440,
    classes={
        "anger": 192, "calm": 192, "disgust": 192, "fear": 192, "happiness": 192, "neutral": 96,
        "sadness": 192, "surprise": 192,
    },
    sample_rate=48_000,
    container="WAV",
    seconds=5328.96,
    shortest=2.9363,
    longest=5.2719,
    downloads=(
        Archive(
            "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            "md5:bc696df654c87fed845eb13823edef8a",  # as the record's page gives it
        ),
    ),
)  # fmt: skip


@register_corpus(INFO)
def read_ravdess(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the speech utterances of ``root/Actor_*``, or of ``root``, by actor and name; song is left out."""
    return read_each(root, INFO.source, lambda name: _is_actor(name) or _is_recording(name), _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for found in in_folders(root, INFO.source, _is_actor, "a folder of no actor"):
        yield found if isinstance(found, LeftOut) else _utterance(found)


def _is_actor(name: str) -> bool:
    return ACTOR.fullmatch(name) is not None


def _is_recording(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and FILE_NAME.fullmatch(Path(name).stem) is not None


def _utterance(path: Path) -> Utterance | LeftOut:
    if path.suffix.lower() not in SUFFIXES:
        return LeftOut(path, "neither a WAV nor a FLAC file")
    name, folder = FILE_NAME.fullmatch(path.stem), ACTOR.fullmatch(path.parent.name)
    if name is None or (folder and folder["actor"] != name["actor"]):
        return Foreign(
            path,
            "not a name of RAVDESS in this folder",
            "a name such as 03-01-06-01-02-01-12.wav in Actor_12",
        )
    if (name["modality"], name["channel"]) != ("03", "01"):
        return LeftOut(path, "not audio-only speech")
    return Utterance(
        id=path.stem,
        path=path,
        emotion=EMOTIONS[name["emotion"]].value,
        speaker=name["actor"],
        sentence=name["sentence"],
        sex="female" if int(name["actor"]) % 2 == 0 else "male",
    )
