r"""The small file that says what a user's native labels mean.

A TOML file::

    speaker = '^(\w+?)_'           # optional: the first group of this pattern, searched in the file's name
    sentence = '_s(\d+)_'          # optional, in the same way

    [emotions]
    wut = "anger"                  # native label = emotion
    stress = "stress"              # an emotion of your own, kept as it is
    other = false                  # left out, and counted
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magtfnet.errors import ConfigError, LabelError
from magtfnet.labels import LABEL_SETS, Emotion, LabelSet, composed, emotion_of

ALIKE = 0.75
"""How much of two spellings must be the same to be taken for one misspelt."""


@dataclass(frozen=True)
class LabelMapping:
    """What native labels mean, and how speakers and sentences are spelt in file names.

    Args:
        emotions: native label to emotion; None leaves its utterances out.
        speaker: pattern whose first group, searched in a file's name, is the speaker.
        sentence: pattern whose first group is the sentence.
        only: the emotions that are kept, of those that emotions are mapped to; None keeps all.
        name: what to call it where it leaves something out.
    """

    emotions: Mapping[str, str | None] = field(default_factory=dict)
    speaker: re.Pattern[str] | None = None
    sentence: re.Pattern[str] | None = None
    only: frozenset[str] | None = None
    name: str = "the mapping file"
    met: set[str] = field(default_factory=set, compare=False, repr=False)
    """The native labels that were asked for, which ``refuse_misspelt`` looks at."""

    def __post_init__(self) -> None:
        emotions = {composed(native): target for native, target in self.emotions.items()}
        object.__setattr__(self, "emotions", emotions)

    @classmethod
    def of(cls, labels: LabelSet, name: str = "the label set") -> "LabelMapping":
        """Return the mapping that merges as a label set does, and keeps its classes only."""
        return cls(dict(labels.merges), only=frozenset(labels.classes), name=name)

    def target(self, emotion: str) -> str | None:
        """Return what an emotion counts as, or None where it is to be left out."""
        target = self.emotions.get(emotion, emotion)
        return None if self.only is not None and target not in self.only else target

    def targets(self, emotions: Iterable[str]) -> set[str]:
        """Return what emotions count as, without those that are left out."""
        return {target for emotion in emotions if (target := self.target(emotion)) is not None}

    def emotion(self, native: str, where: Path | str) -> str | None:
        """Return the emotion of a native label, or None where it is to be left out.

        Raises:
            LabelError: the mapping does not name the label and it is no known spelling either.
        """
        native = composed(native)
        self.met.add(native)
        if native in self.emotions:
            return self.target(native)
        known = emotion_of(native)
        if known is None:
            line = f'[emotions] {_toml_key(native)} = "anger"'
            raise LabelError(
                f"{where}: unknown emotion '{native}', expected one of {', '.join(Emotion)}; "
                f"map it in a mapping file (--labels): {line}, or = false to leave it out"
            )
        return self.target(known.value)

    def refuse_misspelt(self, emotions: Iterable[str]) -> None:
        """Refuse a line that says nothing of a corpus and is spelt almost as a label that no line is about.

        A line that is about nothing there may be of another corpus, and is let be.

        Args:
            emotions: that the corpus had before they were mapped.

        Raises:
            LabelError: the first such line.
        """
        known = {emotion.value for native in self.met if (emotion := emotion_of(native)) is not None}
        labels = {*self.met, *known, *emotions}
        free = {label.casefold(): label for label in labels - self.emotions.keys()}
        for native in self.emotions.keys() - labels if self.only is None else ():
            near = difflib.get_close_matches(native.casefold(), free, n=1, cutoff=ALIKE)
            if near:
                raise LabelError(
                    f"{self.name}: no label '{native}' in the corpus; did you mean '{free[near[0]]}'? correct the line"
                )


def _toml_key(name: str) -> str:
    """Return a label as TOML wants a key: quoted where it is more than ASCII letters and digits."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def as_mapping(labels: str | Path | LabelMapping | LabelSet | None) -> LabelMapping:
    """Return the mapping that a user names: a label set, the name of a published one, or a mapping file.

    Raises:
        ConfigError: neither a published label set nor a mapping file.
    """
    if labels is None:
        return LabelMapping()
    if isinstance(labels, LabelMapping):
        return labels
    if isinstance(labels, LabelSet):
        return LabelMapping.of(labels)
    if str(labels) in LABEL_SETS:
        return LabelMapping.of(LABEL_SETS[str(labels)], f"the label set {labels}")
    return load_mapping(Path(labels))


def load_mapping(file: Path) -> LabelMapping:
    """Read a mapping file.

    Raises:
        ConfigError: the file is missing, not TOML, or holds something else than described above.
    """
    try:
        values = tomllib.loads(
            file.read_text(encoding="utf-8-sig")
        )  # editors put a mark before the first line
    except OSError as error:
        raise ConfigError(
            f"{file}: {error.strerror}; name the mapping file, or a label set: {', '.join(LABEL_SETS)}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML ({error}); correct the mapping file") from error
    unknown = sorted(set(values) - {"emotions", "speaker", "sentence"})
    if unknown:
        raise ConfigError(f"{file}: unknown key '{unknown[0]}', expected one of emotions, sentence, speaker")
    emotions = values.get("emotions", {})
    if not isinstance(emotions, dict):
        raise ConfigError(f"{file}: 'emotions' must be a section of native = \"emotion\" lines; correct it")
    return LabelMapping(
        {native: _target(file, native, target) for native, target in emotions.items()},
        _pattern(file, values, "speaker"),
        _pattern(file, values, "sentence"),
    )


def _target(file: Path, native: str, target: Any) -> str | None:
    if target is False:
        return None
    if not isinstance(target, str) or not target.strip():
        raise ConfigError(f"{file}: emotions.{native} = {target!r}, expected an emotion's name or false")
    known = emotion_of(target)
    return composed(target).strip() if known is None else known.value


def _pattern(file: Path, values: Mapping[str, Any], key: str) -> re.Pattern[str] | None:
    if key not in values:
        return None
    try:
        pattern = re.compile(composed(values[key]))  # as the names that it is searched in
    except (re.error, TypeError) as error:
        raise ConfigError(
            f"{file}: {key} = {values[key]!r} is not a pattern ({error}); correct it"
        ) from error
    if pattern.groups < 1:
        raise ConfigError(
            f'{file}: {key} = {values[key]!r} has no group; put the {key} in brackets: "^(..)_"'
        )
    return pattern
