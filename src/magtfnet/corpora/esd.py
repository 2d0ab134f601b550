"""ESD, the Emotional Speech Database (Zhou et al., ICASSP 2021).

Acted Mandarin (speakers 0001 to 0010) and English (0011 to 0020): each speaker says 350 sentences in 5 emotions,
35000 utterances, 16 kHz WAV. ``0001/Angry/0001_000351.wav``, in some releases one folder deeper
(``Angry/train/``, ``evaluation/``, ``test/``). Numbers count 350 sentences of one emotion after the other, in the
same order, so the number says the sentence. Beside them lie the texts, ``0001/0001.txt``.
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

SPEAKER = re.compile(r"00(?:0[1-9]|1\d|20)")
FILE_NAME = re.compile(r"(?P<speaker>\d{4})_(?P<number>\d{6})\.wav", re.IGNORECASE)
DIVISIONS = frozenset({"train", "evaluation", "test"})
EMOTIONS = {
    "angry": Emotion.ANGER, "happy": Emotion.HAPPINESS, "neutral": Emotion.NEUTRAL, "sad": Emotion.SADNESS,
    "surprise": Emotion.SURPRISE,
}  # fmt: skip
MALE = frozenset({4, 5, 6, 8, 10, 11, 12, 13, 14, 20})
LAST_OF_MANDARIN = 10
SENTENCES = 350


def _is_mandarin(speaker: str) -> bool:
    return int(speaker) <= LAST_OF_MANDARIN


def _half(title: str, ids: str) -> Part:
    return Part(
        title=title,
        ids=ids,
        classes=dict.fromkeys(sorted(emotion.value for emotion in EMOTIONS.values()), 10 * SENTENCES),
        utterances=10 * SENTENCES * len(EMOTIONS),
        speakers=10,
    )


INFO = CorpusInfo(
    name="esd",
    title="Emotional Speech Database, acted Mandarin and English",
    language="zh, en",
    licence="research use, by agreement with its authors",
    source="folders 0001 to 0020, from https://github.com/HLTSingapore/Emotional-Speech-Data",
    citation="Zhou et al., Seen and unseen emotional style transfer for voice conversion with a new emotional "
    "speech dataset, ICASSP 2021",
    speakers=20,
    utterances=35_000,
    classes=dict.fromkeys(sorted(emotion.value for emotion in EMOTIONS.values()), 7000),
    sample_rate=16_000,
    container="WAV",
    parts={
        "mandarin": _half("speakers of Mandarin", r"00(?:0\d|10)_\d+"),
        "english": _half("speakers of English", r"00(?:1[1-9]|20)_\d+"),
    },
    request="follow https://github.com/HLTSingapore/Emotional-Speech-Data: sign the licence and mail it to the authors",
)


@register_corpus(INFO)
def read_esd(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances in the order of speakers, emotions and names."""
    return read_each(root, INFO.source, lambda name: SPEAKER.fullmatch(name) is not None, _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for speaker in list_folder(root, INFO.source):
        if not (speaker.is_dir() and SPEAKER.fullmatch(speaker.name)):
            yield LeftOut(speaker, "not in a folder of a speaker")
            continue
        for folder in list_folder(speaker, INFO.source):
            if folder.is_dir() and folder.name.lower() in EMOTIONS:
                yield from _read_emotion(folder, folder.name.lower(), speaker.name)
            else:
                yield LeftOut(folder, "not in a folder of an emotion")


def _read_emotion(folder: Path, emotion: str, speaker: str) -> Iterator[Utterance | LeftOut]:
    for path in list_folder(folder, INFO.source):
        if path.is_dir() and path.name.lower() in DIVISIONS:
            yield from _read_emotion(path, emotion, speaker)
        elif path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
        else:
            yield _utterance(path, emotion, speaker)


def _utterance(path: Path, emotion: str, speaker: str) -> Utterance | LeftOut:
    name = FILE_NAME.fullmatch(path.name)
    if name is None or name["speaker"] != speaker:
        return Foreign(
            path, "not a name of ESD in this folder", "a name such as 0001_000351.wav in 0001/Angry"
        )
    sentence = (int(name["number"]) - 1) % SENTENCES + 1
    return Utterance(
        id=path.stem,
        path=path,
        emotion=EMOTIONS[emotion].value,
        speaker=speaker,
        sentence=f"{'zh' if _is_mandarin(speaker) else 'en'}{sentence:03d}",
        sex="male" if int(speaker) in MALE else "female",
    )
