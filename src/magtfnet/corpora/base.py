"""What a corpus is: its utterances, what is publicly known of it, and the registry of those that can be read."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from magtfnet.audio import Waveform, read_audio
from magtfnet.corpora.mapping import LabelMapping
from magtfnet.corpora.sources import Source
from magtfnet.labels import LabelSet
from magtfnet.registry import Registry


@dataclass(frozen=True)
class Utterance:
    """One labelled utterance; None where the corpus does not say.

    Args:
        id: unique in the corpus, the same on every machine.
        path: the recording.
        emotion: a noun of ``Emotion``, or another name that the user's mapping file gives.
        speaker: who speaks.
        sentence: which text is spoken, where texts repeat.
        session: the recording session, where there are several.
        sex: ``female`` or ``male``.
        start: seconds into the recording where the utterance begins; None for its beginning.
        end: seconds into the recording where it ends; None for its end.
        valence: how pleasant it sounds to listeners, on the scale of its corpus.
        arousal: how active, on the same scale.
        dominance: how much in control, on the same scale.
    """

    id: str
    path: Path
    emotion: str
    speaker: str | None = None
    sentence: str | None = None
    session: str | None = None
    sex: str | None = None
    start: float | None = None
    end: float | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):
            object.__setattr__(self, "path", Path(self.path))

    def read(self) -> Waveform:
        """Return its samples as they are stored.

        Raises:
            AudioError: the recording cannot be used.
        """
        return read_audio(self.path, start=self.start, end=self.end)


@dataclass(frozen=True)
class LeftOut:
    """A file or row that a reader passed over, and why. They are counted, never silent."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Foreign(LeftOut):
    """A recording whose name does not belong to the corpus, and what would: refused, unless it is audited."""

    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a corpus that results are reported on, under a name of its own.

    Args:
        title: what it is, in a few words.
        ids: a pattern that the ids of its utterances match, and no others.
        classes: number of its utterances of each emotion, of those emotions where it is known.
        utterances: number of all its utterances; None where it is not known.
        speakers: number of its speakers.
    """

    title: str
    ids: str
    classes: dict[str, int] = field(default_factory=dict)
    utterances: int | None = None
    speakers: int | None = None

    def __contains__(self, utterance: Utterance) -> bool:
        return re.fullmatch(self.ids, utterance.id) is not None


@dataclass(frozen=True, kw_only=True)
class CorpusInfo:
    """What is publicly known of a corpus; None where it cannot be known (a user's own data).

    Args:
        name: the registered name; where that reads any database, with the database's own after it.
        title: what it is, in a line.
        language: ISO 639-1 code, or several with a comma.
        licence: under which terms it is published.
        source: where to get it.
        citation: how to cite it.
        speakers: number of speakers.
        utterances: number of utterances.
        classes: number of utterances of each emotion.
        sample_rate: of the original recordings, in Hz.
        container: of the original recordings, such as ``WAV``.
        seconds: total duration of the original.
        shortest: duration of its shortest utterance in seconds.
        longest: duration of its longest utterance in seconds.
        parts: parts by the name that ``load_corpus`` and ``--only`` take.
        downloads: what ``magtfnet fetch`` downloads; empty where the licence asks for more than that.
        request: how to get it, where nothing can be downloaded.
    """

    name: str
    title: str
    language: str | None = None
    licence: str
    source: str
    citation: str | None = None
    speakers: int | None = None
    utterances: int | None = None
    classes: dict[str, int] = field(default_factory=dict)
    sample_rate: int | None = None
    container: str | None = None
    seconds: float | None = None
    shortest: float | None = None
    longest: float | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    downloads: tuple[Source, ...] = ()
    request: str | None = None


REASONS = 3
"""For which something was left out that a line names."""

Reader = Callable[[Path, LabelMapping], Iterable[Utterance | LeftOut]]


@dataclass(frozen=True)
class RegisteredCorpus:
    """A reader with what is known of its corpus.

    Args:
        info: what is known of it.
        read: yields its utterances.
        takes_mapping: whether the labels are the user's own.
        describe: what is known of the copy at a root, where that says so itself.
    """

    info: CorpusInfo
    read: Reader
    takes_mapping: bool
    describe: Callable[[Path], CorpusInfo] | None = None


CORPORA: Registry[RegisteredCorpus] = Registry("corpus")


def register_corpus(info: CorpusInfo) -> Callable[[Callable[[Path], Iterable[Utterance | LeftOut]]], Reader]:
    """Register a reader of a published corpus: ``read(root)`` yields its utterances and opens no audio."""

    def register(read: Callable[[Path], Iterable[Utterance | LeftOut]]) -> Reader:
        def reader(root: Path, mapping: LabelMapping) -> Iterable[Utterance | LeftOut]:
            return read(root)

        CORPORA.add(info.name, RegisteredCorpus(info, reader, takes_mapping=False))
        return reader

    return register


def register_own_data(
    info: CorpusInfo, describe: Callable[[Path], CorpusInfo] | None = None
) -> Callable[[Reader], Reader]:
    """Register a reader of anyone's own data: ``read(root, mapping)``, native labels mapped by the mapping."""

    def register(read: Reader) -> Reader:
        CORPORA.add(info.name, RegisteredCorpus(info, read, takes_mapping=True, describe=describe))
        return read

    return register


@dataclass(frozen=True)
class Corpus:
    """A copy of a corpus: utterances in a fixed order, with their label set.

    Args:
        info: what is publicly known of it, or of what was selected from it.
        root: where the copy lies.
        utterances: in the reader's order.
        labels: the classes, all emotions that occur unless told otherwise.
        left_out: what the reader passed over, and what was not asked for.
        part: the name of the part that was asked for.
    """

    info: CorpusInfo
    root: Path
    utterances: tuple[Utterance, ...]
    labels: LabelSet
    left_out: tuple[LeftOut, ...] = ()
    part: str | None = None

    @property
    def name(self) -> str:
        """The name of the corpus."""
        return self.info.name

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __getitem__(self, id_: str) -> Utterance:
        for utterance in self.utterances:
            if utterance.id == id_:
                return utterance
        raise KeyError(id_)

    def describe(self) -> str:
        """Return what this is in a few words, with the official count beside the one found and what was passed over."""
        name = self.name if self.part is None else f"{self.name}, {self.part}"
        official = "" if self.info.utterances is None else f" (official {self.info.utterances})"
        return f"{len(self)} utterances of {name}{official}{self._passed_over()}"

    def _passed_over(self) -> str:
        """Say how many were left out, by the reasons that most have."""
        if not self.left_out:
            return ""
        reasons = Counter(item.reason for item in self.left_out).most_common()
        told = [f"{reason}: {number}" for reason, number in reasons[:REASONS]]
        rest = sum(number for _, number in reasons[REASONS:])
        return f", {len(self.left_out)} left out ({'; '.join([*told, f'others: {rest}'] if rest else told)})"

    @property
    def summary(self) -> str:
        """Its title, size and licence, as reports have them."""
        left_out = f"{len(self.left_out)} left out, " if self.left_out else ""
        return f"{self.info.title} ({len(self)} utterances, {left_out}{self.info.licence})"

    def counts(self) -> dict[str, int]:
        """Return the number of utterances of each emotion, in alphabetical order."""
        counts = Counter(utterance.emotion for utterance in self.utterances)
        return {emotion: counts[emotion] for emotion in sorted(counts)}

    def speakers(self) -> list[str]:
        """Return the speakers that are known, sorted."""
        return sorted({utterance.speaker for utterance in self.utterances if utterance.speaker is not None})
