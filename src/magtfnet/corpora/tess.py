"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller and Dupuis, Scholars Portal Dataverse 2020).

Acted English: an older (OAF) and a younger (YAF) actress say "Say the word ..." with each of 200 words in 7
emotions, 2800 utterances. ``OAF_back_angry.wav`` spells speaker, word and emotion (``ps``: pleasant surprise).
The files lie in one folder, or in a folder for each speaker and emotion; archives in circulation hold everything
twice, once in a folder of the same name inside, which is left out.

The original has its oddities: ``OA_bite_neutral.wav`` lacks a letter, two files named ``.wav`` are AIFF, and one
header says 96 kHz where the others say 24414 Hz; hence neither container nor rate is compared.
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
from magtfnet.corpora.sources import Dataverse
from magtfnet.corpora.unwrapping import in_folders, read_each
from magtfnet.labels import Emotion

FILE_NAME = re.compile(
    r"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)\.wav",
    re.IGNORECASE,
)
FOLDER = re.compile(r"(?:OAF|YAF)_\w+", re.IGNORECASE)
EMOTIONS = {
    "angry": Emotion.ANGER, "disgust": Emotion.DISGUST, "fear": Emotion.FEAR, "happy": Emotion.HAPPINESS,
    "neutral": Emotion.NEUTRAL, "ps": Emotion.SURPRISE, "sad": Emotion.SADNESS,
}  # fmt: skip

INFO = CorpusInfo(
    name="tess",
    title="Toronto Emotional Speech Set, acted English",
    language="en",
    licence="CC-BY-NC-ND-4.0",
    source="files such as OAF_back_angry.wav, in one folder or in folders such as OAF_angry, "
    "from https://doi.org/10.5683/SP2/E8H2MF",
    citation="Pichora-Fuller and Dupuis, Toronto emotional speech set (TESS), Scholars Portal Dataverse 2020",
    speakers=2,
    utterances=2800,
    classes=dict.fromkeys(sorted(emotion.value for emotion in EMOTIONS.values()), 400),
    downloads=(Dataverse("https://borealisdata.ca", "doi:10.5683/SP2/E8H2MF", r".+\.wav"),),
)


@register_corpus(INFO)
def read_tess(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of ``root``, and of the folders of speakers and emotions in it, in file-name order."""
    return read_each(
        root, INFO.source, lambda name: _is_folder(name) or bool(FILE_NAME.fullmatch(name)), _read
    )


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for found in in_folders(root, INFO.source, _is_folder, "a folder of no speaker and emotion"):
        yield found if isinstance(found, LeftOut) else _utterance(found)


def _is_folder(name: str) -> bool:
    return FOLDER.fullmatch(name) is not None and Path(name).suffix.lower() != ".wav"


def _utterance(path: Path) -> Utterance | LeftOut:
    if path.suffix.lower() != ".wav":
        return LeftOut(path, "not a WAV file")
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        return Foreign(path, "not a name of TESS", "a name such as OAF_back_angry.wav")
    return Utterance(
        id=path.stem,
        path=path,
        emotion=EMOTIONS[name["emotion"].lower()].value,
        speaker="YAF" if name["speaker"].upper() == "YAF" else "OAF",
        sentence=name["word"].lower(),
        sex="female",
    )
