"""Emotions by their standard nouns, the native spellings that mean them, and ordered label sets."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from magtfnet.errors import LabelError


class Emotion(StrEnum):
    """The field's nouns. A user's own corpus may name further emotions; these are the ones readers map to."""

    ANGER = "anger"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    NEUTRAL = "neutral"
    EXCITEMENT = "excitement"
    FRUSTRATION = "frustration"
    FEAR = "fear"
    DISGUST = "disgust"
    SURPRISE = "surprise"
    BOREDOM = "boredom"
    CALM = "calm"


SPELLINGS: dict[str, Emotion] = {
    **{emotion.value: emotion for emotion in Emotion},
    **dict.fromkeys(("angry", "ang", "wut", "aerger", "ärger"), Emotion.ANGER),
    **dict.fromkeys(("happy", "hap", "joy", "freude"), Emotion.HAPPINESS),
    **dict.fromkeys(("sad", "trauer"), Emotion.SADNESS),
    **dict.fromkeys(("neu", "neutrality"), Emotion.NEUTRAL),
    **dict.fromkeys(("excited", "exc"), Emotion.EXCITEMENT),
    **dict.fromkeys(("frustrated", "fru"), Emotion.FRUSTRATION),
    **dict.fromkeys(("fearful", "fea", "afraid", "angst"), Emotion.FEAR),
    **dict.fromkeys(("disgusted", "dis", "ekel"), Emotion.DISGUST),
    **dict.fromkeys(
        ("surprised", "sur", "pleasant surprise", "pleasant_surprise", "pleasant_surprised", "ps"),
        Emotion.SURPRISE,
    ),
    **dict.fromkeys(("bored", "bor", "langeweile"), Emotion.BOREDOM),
}
"""Native spellings whose meaning is not in doubt. Anything else wants a mapping file."""


def composed(text: str) -> str:
    """Return a name in Unicode's composed form (NFC), in which the same letters are the same on every system."""
    return unicodedata.normalize("NFC", text)


def emotion_of(native: str) -> Emotion | None:
    """Return the emotion that a native label spells (case and outer blanks do not matter), or None."""
    return SPELLINGS.get(composed(native).strip().casefold())


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of emotion classes, and the emotions that are merged into them.

    Args:
        classes: names of the classes; position k is the k-th logit.
        merges: emotion to the class it counts as, such as excitement to happiness.

    Raises:
        LabelError: fewer than two classes, a class named twice, or a merge into an unknown class.
    """

    classes: tuple[str, ...]
    merges: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            found = ", ".join(self.classes) or "none"
            raise LabelError(
                f"a label set needs at least 2 emotions, found {len(self.classes)} ({found}); add another"
            )
        if len(set(self.classes)) != len(self.classes):
            raise LabelError(f"a label set names a class twice: {', '.join(self.classes)}; name each once")
        for emotion, target in self.merges.items():
            if target not in self.classes:
                raise LabelError(
                    f"'{emotion}' is merged into '{target}', which is not one of {self.classes}; add it"
                )

    def __len__(self) -> int:
        return len(self.classes)

    def __contains__(self, emotion: str) -> bool:
        return emotion in self.classes or emotion in self.merges

    def index(self, emotion: str) -> int:
        """Return the class index of an emotion.

        Raises:
            LabelError: the emotion is neither a class nor merged into one.
        """
        merged = self.merges.get(emotion, emotion)
        if merged not in self.classes:
            raise LabelError(f"unknown emotion '{emotion}', expected one of {', '.join(self.classes)}")
        return self.classes.index(merged)

    @classmethod
    def of(cls, emotions: Iterable[str]) -> "LabelSet":
        """Return the label set of all emotions that occur, in alphabetical order."""
        return cls(tuple(sorted({str(emotion) for emotion in emotions})))


IEMOCAP_4 = LabelSet(("anger", "happiness", "neutral", "sadness"), {"excitement": "happiness"})
"""The four classes of most results on IEMOCAP, the paper's among them; excitement counts as happiness."""
IEMOCAP_4_WITHOUT_EXCITEMENT = LabelSet(IEMOCAP_4.classes)
"""The same four classes; excitement is left out."""

LABEL_SETS: dict[str, LabelSet] = {
    "iemocap_4": IEMOCAP_4,
    "iemocap_4_without_excitement": IEMOCAP_4_WITHOUT_EXCITEMENT,
}
"""Label sets that results are published on, by the name that ``--labels`` takes."""
