"""JL-Corpus, an emotional speech corpus for human-robot interaction (James, Tian and Watson, Interspeech 2018).

Acted New Zealand English: 4 speakers, 15 sentences, 2 sessions, 2 repetitions, 5 primary and 5 secondary
emotions, 2400 utterances, 44.1 kHz WAV. ``female1_angry_10a_1.wav`` spells speaker, emotion, sentence 10,
session a, repetition 1; a text file lies beside each. The secondary emotions keep their own words.
"""

import re
from collections.abc import Iterable, Iterator
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

FILE_NAME = re.compile(
    r"(?P<speaker>(?P<sex>female|male)[12])_(?P<emotion>[a-z]+)_(?P<sentence>\d+)(?P<session>[ab])_[12]\.wav",
    re.IGNORECASE,
)
PRIMARY = {
    "angry": Emotion.ANGER.value, "excited": Emotion.EXCITEMENT.value, "happy": Emotion.HAPPINESS.value,
    "neutral": Emotion.NEUTRAL.value, "sad": Emotion.SADNESS.value,
}  # fmt: skip
SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")
EMOTIONS = PRIMARY | {word: word for word in SECONDARY}
EACH = 240


def _part(title: str, words: Iterable[str]) -> Part:
    emotions = sorted(EMOTIONS[word] for word in words)
    return Part(
        title=title,
        ids=rf".+_(?i:{'|'.join(words)})_.+",
        classes=dict.fromkeys(emotions, EACH),
        utterances=EACH * len(emotions),
        speakers=4,
    )


INFO = CorpusInfo(
    name="jl_corpus",
    title="JL-Corpus, acted New Zealand English",
    language="en",
    licence="CC0-1.0, as its page states",
    source="files such as female1_angry_10a_1.wav, from https://www.kaggle.com/datasets/tli725/jl-corpus",
    citation="James, Tian and Watson, An open source emotional speech corpus for human robot interaction "
    "applications, Interspeech 2018",
    speakers=4,
    utterances=2400,
    classes=dict.fromkeys(sorted(EMOTIONS.values()), EACH),
    sample_rate=44_100,
    container="WAV",
    parts={
        "primary": _part("primary emotions", PRIMARY),
        "secondary": _part("secondary emotions", SECONDARY),
    },
    request="download it with an account from https://www.kaggle.com/datasets/tli725/jl-corpus",
)


@register_corpus(INFO)
def read_jl_corpus(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances in file-name order."""
    return read_each(root, INFO.source, lambda name: FILE_NAME.fullmatch(name) is not None, _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for path in list_folder(root, INFO.source):
        if path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
            continue
        name = FILE_NAME.fullmatch(path.name)
        if name is None or name["emotion"].lower() not in EMOTIONS:
            yield Foreign(path, "not a name of JL-Corpus", "a name such as female1_angry_10a_1.wav")
            continue
        yield Utterance(
            id=path.stem,
            path=path,
            emotion=EMOTIONS[name["emotion"].lower()],
            speaker=name["speaker"].lower(),
            sentence=name["sentence"],
            session=name["session"].lower(),
            sex=name["sex"].lower(),
        )
