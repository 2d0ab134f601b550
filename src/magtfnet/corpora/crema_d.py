"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al., IEEE TAC 2014), its audio.

Acted American English: 91 actors, 12 sentences, 6 emotions, 7442 clips, 16 kHz WAV. ``1001_DFA_ANG_XX.wav``
spells actor 1001, sentence DFA, emotion ANG, and its level (LO, MD, HI, or XX where none was asked for; one name
has a single X there, and two in the release's lists). The label is what was acted, not what listeners heard.

``1076_MTI_SAD_XX.wav`` holds no sound in the original; ``magtfnet check`` lists it as silent.
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
from magtfnet.corpora.sources import LargeFiles
from magtfnet.corpora.unwrapping import list_folder, read_each, unwrapped
from magtfnet.labels import Emotion

STEM = (
    r"(?P<actor>1\d{3})_(?P<sentence>IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)"
    r"_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX?)"
)
FILE_NAME = re.compile(STEM + r"\.(?:wav|mp3)", re.IGNORECASE)
EMOTIONS = {
    "ANG": Emotion.ANGER, "DIS": Emotion.DISGUST, "FEA": Emotion.FEAR, "HAP": Emotion.HAPPINESS,
    "NEU": Emotion.NEUTRAL, "SAD": Emotion.SADNESS,
}  # fmt: skip
FEMALE = frozenset({
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030,
    1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075,
    1076, 1078, 1079, 1082, 1084, 1089, 1091,
})  # fmt: skip
"""As VideoDemographics.csv of the release has it: 43 women and 48 men."""
REPOSITORY = "CheyneyComputerScience/CREMA-D/master"

INFO = CorpusInfo(
    name="crema_d",
    title="Crowd-sourced Emotional Multimodal Actors Dataset, acted American English",
    language="en",
    licence="ODbL-1.0",
    source="a folder AudioWAV/ of 7442 files, from https://github.com/CheyneyComputerScience/CREMA-D",
    citation="Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE TAC 2014",
    speakers=91,
    utterances=7442,
    classes={
        "anger": 1271, "disgust": 1271, "fear": 1271, "happiness": 1271, "neutral": 1087, "sadness": 1271,
    },
    sample_rate=16_000,
    container="WAV",
    downloads=(
        LargeFiles(
            pointers=f"https://raw.githubusercontent.com/{REPOSITORY}",
            content=f"https://media.githubusercontent.com/media/{REPOSITORY}",
            folder="AudioWAV",
            listing="SentenceFilenames.csv",
            pattern=re.sub(r"\(\?P<\w+>", "(?:", STEM),
            respelt={"1040_ITH_SAD_XX": "1040_ITH_SAD_X"},
        ),
    ),
)  # fmt: skip


@register_corpus(INFO)
def read_crema_d(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the clips of the folders that hold WAV files (where there are none, of those with MP3) by file name."""
    has_wav = bool(unwrapped(root, INFO.source, _is_wav))
    return read_each(root, INFO.source, _is_wav if has_wav else _is_clip, _read)


def _is_clip(name: str) -> bool:
    return FILE_NAME.fullmatch(name) is not None


def _is_wav(name: str) -> bool:
    return _is_clip(name) and name.lower().endswith(".wav")


def _read(folder: Path) -> Iterator[Utterance | LeftOut]:
    for path in list_folder(folder, INFO.source):
        if path.suffix.lower() not in (".wav", ".mp3"):
            yield LeftOut(path, "neither a WAV nor an MP3 file")
            continue
        name = FILE_NAME.fullmatch(path.name)
        if name is None:
            yield Foreign(path, "not a name of CREMA-D", "a name such as 1001_DFA_ANG_XX.wav")
            continue
        yield Utterance(
            id=path.stem,
            path=path,
            emotion=EMOTIONS[name["emotion"].upper()].value,
            speaker=name["actor"],
            sentence=name["sentence"].upper(),
            sex="female" if int(name["actor"]) in FEMALE else "male",
        )
