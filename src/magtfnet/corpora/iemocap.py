"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database (Busso et al., LREC 2008), full release.

Ten actors in five sessions of two, improvised and scripted dialogues in English, cut into 10039 turns. In
``SessionN/dialog/EmoEvaluation/<dialogue>.txt`` a line such as
``[6.2901 - 8.2357]<TAB>Ses01F_impro01_F000<TAB>neu<TAB>[2.5000, 2.5000, 2.5000]`` gives each turn the label on
which most listeners agreed and the means of their valence, activation and dominance, 1 to 5. The recordings are
``SessionN/sentences/wav/<dialogue>/<turn>.wav``.

``Ses01F_impro01`` names the session and whoever wore the markers; the speaker is the letter of the turn. Turns
without agreement (``xxx``, 2507 of them) have no emotion and are left out. Texts are not known by name: the
turns of one script are numbered anew in every session.
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
from magtfnet.errors import CorpusLayoutError
from magtfnet.labels import Emotion

SESSION = re.compile(r"Session[1-5]")
TURN = re.compile(r"Ses0(?P<session>[1-5])[FM]_(?:impro|script)\w+_(?P<speaker>[FM])\w+")
LINE = re.compile(
    r"\[\d+\.\d+ - \d+\.\d+\]\s+(?P<turn>\w+)\s+(?P<emotion>\w+)\s+"
    r"\[(?P<valence>[\d.]+), (?P<arousal>[\d.]+), (?P<dominance>[\d.]+)\]"
)
EMOTIONS = {
    "ang": Emotion.ANGER.value, "dis": Emotion.DISGUST.value, "exc": Emotion.EXCITEMENT.value,
    "fea": Emotion.FEAR.value, "fru": Emotion.FRUSTRATION.value, "hap": Emotion.HAPPINESS.value,
    "neu": Emotion.NEUTRAL.value, "oth": "other", "sad": Emotion.SADNESS.value, "sur": Emotion.SURPRISE.value,
}  # fmt: skip
NO_AGREEMENT = "xxx"

INFO = CorpusInfo(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture database, acted English dialogues",
    language="en",
    licence="research use, by agreement with the University of Southern California",
    source="folders Session1 to Session5 of the full release, from https://sail.usc.edu/iemocap/",
    citation="Busso et al., IEMOCAP: interactive emotional dyadic motion capture database, LREC 2008",
    speakers=10,
    utterances=7532,
    classes={
        "anger": 1103, "disgust": 2, "excitement": 1041, "fear": 40, "frustration": 1849, "happiness": 595,
        "neutral": 1708, "other": 3, "sadness": 1084, "surprise": 107,
    },
    sample_rate=16_000,
    container="WAV",
    parts={
        "improvised": Part(
            title="improvised dialogues",
            ids=r".+_impro.+",
            classes={
                "anger": 289, "excitement": 663, "happiness": 284, "neutral": 1099, "sadness": 608,
            },
            speakers=10,
        ),
        "scripted": Part(
            title="scripted dialogues",
            ids=r".+_script.+",
            classes={
                "anger": 814, "excitement": 378, "happiness": 311, "neutral": 609, "sadness": 476,
            },
            speakers=10,
        ),
    },
    request="fill in the release form at https://sail.usc.edu/iemocap/iemocap_release.htm",
)  # fmt: skip


@register_corpus(INFO)
def read_iemocap(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the turns on which listeners agreed, in the order of sessions, dialogues and names."""
    return read_each(root, INFO.source, lambda name: SESSION.fullmatch(name) is not None, _read)


def _read(root: Path) -> Iterator[Utterance | LeftOut]:
    for session in list_folder(root, INFO.source):
        if session.is_dir() and SESSION.fullmatch(session.name):
            yield from _read_session(session)


def _read_session(session: Path) -> Iterator[Utterance | LeftOut]:
    labels = _labels(session / "dialog" / "EmoEvaluation")
    for dialogue in list_folder(
        session / "sentences" / "wav", f"sentences/wav/ in every session of {INFO.name}"
    ):
        if not dialogue.is_dir():
            continue
        for path in list_folder(dialogue, INFO.source):
            if path.suffix.lower() != ".wav":
                yield LeftOut(path, "not a WAV file")
            elif TURN.fullmatch(path.stem) is None:
                yield Foreign(path, "not a name of IEMOCAP", "a name such as Ses01F_impro01_F000.wav")
            elif path.stem not in labels:
                yield LeftOut(path, "no label in EmoEvaluation")
            else:
                yield _utterance(path, session.name, labels.pop(path.stem))
    for turn in labels:
        yield LeftOut(session / f"{turn}.wav", "labelled, but there is no recording")


def _labels(folder: Path) -> dict[str, re.Match[str]]:
    """Return the line of each turn; files beside the dialogues' hold what single listeners said."""
    labels = {}
    for file in list_folder(folder, f"dialog/EmoEvaluation/ in every session of {INFO.name}"):
        if file.suffix != ".txt" or not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            match = LINE.match(line)
            if match is None:
                continue
            if match["emotion"] not in EMOTIONS and match["emotion"] != NO_AGREEMENT:
                raise CorpusLayoutError(
                    file,
                    f"{match['turn']} has the label '{match['emotion']}'",
                    f"one of {', '.join(EMOTIONS)}, {NO_AGREEMENT}: copy the file again",
                )
            labels[match["turn"]] = match
    return labels


def _utterance(path: Path, session: str, label: re.Match[str]) -> Utterance | LeftOut:
    if label["emotion"] == NO_AGREEMENT:
        return LeftOut(path, "listeners did not agree on an emotion")
    name = TURN.fullmatch(path.stem)
    assert name is not None  # the caller looked
    return Utterance(
        id=path.stem,
        path=path,
        emotion=EMOTIONS[label["emotion"]],
        speaker=f"Ses0{name['session']}{name['speaker']}",
        session=session,
        sex="female" if name["speaker"] == "F" else "male",
        valence=float(label["valence"]),
        arousal=float(label["arousal"]),
        dominance=float(label["dominance"]),
    )
