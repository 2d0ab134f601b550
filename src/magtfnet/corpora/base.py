"""What a corpus is: its utterances, what is publicly known of it, and the one way to load it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from magtfnet.corpora.mapping import LabelMapping, load_mapping
from magtfnet.errors import ConfigError, CorpusCountError, CorpusLayoutError, CorpusRootError, StorageError
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

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):
            object.__setattr__(self, "path", Path(self.path))


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
class CorpusInfo:
    """What is publicly known of a corpus; None where it cannot be known (a user's own data).

    Args:
        name: the registered name.
        title: what it is, in a line.
        language: ISO 639-1 code.
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


Reader = Callable[[Path, LabelMapping], Iterable[Utterance | LeftOut]]


@dataclass(frozen=True)
class RegisteredCorpus:
    """A reader with what is known of its corpus; ``takes_mapping`` where the labels are the user's own."""

    info: CorpusInfo
    read: Reader
    takes_mapping: bool


CORPORA: Registry[RegisteredCorpus] = Registry("corpus")


def register_corpus(info: CorpusInfo) -> Callable[[Callable[[Path], Iterable[Utterance | LeftOut]]], Reader]:
    """Register a reader of a published corpus: ``read(root)`` yields its utterances and opens no audio."""

    def register(read: Callable[[Path], Iterable[Utterance | LeftOut]]) -> Reader:
        def reader(root: Path, mapping: LabelMapping) -> Iterable[Utterance | LeftOut]:
            return read(root)

        CORPORA.add(info.name, RegisteredCorpus(info, reader, takes_mapping=False))
        return reader

    return register


def register_own_data(info: CorpusInfo) -> Callable[[Reader], Reader]:
    """Register a reader of anyone's own data: ``read(root, mapping)``, native labels mapped by the mapping."""

    def register(read: Reader) -> Reader:
        CORPORA.add(info.name, RegisteredCorpus(info, read, takes_mapping=True))
        return read

    return register


@dataclass(frozen=True)
class Corpus:
    """A copy of a corpus: utterances in a fixed order, with their label set.

    Args:
        info: what is publicly known of it.
        root: where the copy lies.
        utterances: in the reader's order.
        labels: the classes, all emotions that occur unless told otherwise.
        left_out: what the reader passed over.
    """

    info: CorpusInfo
    root: Path
    utterances: tuple[Utterance, ...]
    labels: LabelSet
    left_out: tuple[LeftOut, ...] = ()

    @property
    def name(self) -> str:
        """The registered name of the corpus."""
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

    def counts(self) -> dict[str, int]:
        """Return the number of utterances of each emotion, in alphabetical order."""
        counts = Counter(utterance.emotion for utterance in self.utterances)
        return {emotion: counts[emotion] for emotion in sorted(counts)}

    def speakers(self) -> list[str]:
        """Return the speakers that are known, sorted."""
        return sorted({utterance.speaker for utterance in self.utterances if utterance.speaker is not None})


def load_corpus(
    name: str,
    root: str | Path,
    *,
    mapping: str | Path | LabelMapping | None = None,
    allow_incomplete: bool = False,
    leave_out_foreign: bool = False,
) -> Corpus:
    """Read a copy of a registered corpus; no audio is opened.

    Args:
        name: a registered corpus: ``magtfnet corpora`` lists them.
        root: where the copy lies; for ``table`` the CSV or Parquet file.
        mapping: the mapping file (see ``mapping.py``): of native labels for ``folder`` and ``table``; for
            other corpora of emotions, to merge classes or to leave some out.
        allow_incomplete: accept a copy whose number of utterances is not the official one.
        leave_out_foreign: leave out recordings whose names do not belong, and count them, as the audit does.

    Raises:
        UnknownNameError: no such corpus.
        CorpusError: the root is wrong, a file does not belong, labels are unknown, ids repeat, or the count
            differs.
        ConfigError: patterns of speakers or sentences for a corpus that knows them.
        StorageError: a folder that cannot be read.
    """
    registered = CORPORA[name]
    root = Path(root)
    if not isinstance(mapping, LabelMapping):
        mapping = load_mapping(Path(mapping)) if mapping is not None else LabelMapping()
    if not registered.takes_mapping and (mapping.speaker or mapping.sentence):
        raise ConfigError(
            f"corpus '{name}' knows its speakers and sentences; take the patterns out of the mapping file"
        )
    if not root.exists():
        raise CorpusRootError(root, "no such file or folder", f"the root of {name}: {registered.info.source}")
    try:
        items = list(registered.read(root, mapping))
    except OSError as error:
        raise StorageError(f"{error.filename or root}: {error.strerror}; check the permissions") from error
    for item in items:
        if isinstance(item, Foreign) and not leave_out_foreign:
            raise CorpusLayoutError(item.path, item.reason, f"{item.expected}: move the file away")
    utterances = tuple(item for item in items if isinstance(item, Utterance))
    if not utterances:
        raise CorpusRootError(root, f"no utterance of {name} in it", registered.info.source)
    _refuse_repeated_ids(utterances)
    official = registered.info.utterances
    if official is not None and len(utterances) != official and not allow_incomplete:
        raise CorpusCountError(name, root, len(utterances), official)
    if not registered.takes_mapping:
        items = [_mapped(item, mapping) for item in items]
        utterances = tuple(item for item in items if isinstance(item, Utterance))
    labels = LabelSet.of(utterance.emotion for utterance in utterances)
    left_out = tuple(item for item in items if isinstance(item, LeftOut))
    return Corpus(registered.info, root, utterances, labels, left_out)


def _mapped(item: Utterance | LeftOut, mapping: LabelMapping) -> Utterance | LeftOut:
    """Merge or leave out the emotions that a mapping names."""
    if isinstance(item, LeftOut) or item.emotion not in mapping.emotions:
        return item
    emotion = mapping.emotions[item.emotion]
    if emotion is None:
        return LeftOut(item.path, f"emotion '{item.emotion}' is left out by the mapping file")
    return replace(item, emotion=emotion)


def _refuse_repeated_ids(utterances: tuple[Utterance, ...]) -> None:
    seen: dict[str, Path] = {}
    for utterance in utterances:
        if utterance.id in seen:
            other = seen[utterance.id]
            raise CorpusLayoutError(
                utterance.path, f"id '{utterance.id}' is also that of {other}", "one id each"
            )
        seen[utterance.id] = utterance.path


def list_folder(root: Path, expected: str) -> list[Path]:
    """Return the sorted entries of a folder, without hidden ones.

    Raises:
        CorpusRootError: it is a file, not a folder.
    """
    if not root.is_dir():
        raise CorpusRootError(root, "a file, not a folder" if root.exists() else "no such folder", expected)
    return sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
