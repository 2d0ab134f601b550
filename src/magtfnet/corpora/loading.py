"""The one way to load a corpus: read, checked for completeness, and selected by part and emotion."""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from magtfnet.corpora.base import (
    CORPORA,
    Corpus,
    CorpusInfo,
    Foreign,
    LeftOut,
    Part,
    RegisteredCorpus,
    Utterance,
)
from magtfnet.corpora.mapping import LabelMapping, as_mapping
from magtfnet.errors import (
    ConfigError,
    CorpusCountError,
    CorpusLayoutError,
    CorpusRootError,
    LabelError,
    StorageError,
    UnknownNameError,
)
from magtfnet.labels import LabelSet

NAMED = 3
"""Entries of a wrong root that its error names."""


def load_corpus(
    name: str,
    root: str | Path,
    *,
    mapping: str | Path | LabelMapping | LabelSet | None = None,
    part: str | None = None,
    allow_incomplete: bool = False,
    leave_out_foreign: bool = False,
) -> Corpus:
    """Read a copy of a registered corpus; no audio is opened.

    Args:
        name: a registered corpus: ``magtfnet corpora`` lists them.
        root: where the copy lies; for ``table`` the CSV or Parquet file.
        mapping: a label set, the name of a published one such as ``iemocap_4``, or a mapping file (see
            ``mapping.py``): of native labels for ``folder``, ``table`` and ``audformat``; for other corpora of
            emotions, to merge classes or to leave some out.
        part: a named part of the corpus, such as ``improvised``; all of it where not given.
        allow_incomplete: accept a copy whose number of utterances is not the official one.
        leave_out_foreign: leave out recordings whose names do not belong, and count them, as the audit does.

    Raises:
        UnknownNameError: no such corpus, or no such part of it.
        CorpusError: the root is wrong, a file does not belong, labels are unknown, ids repeat, or the count
            differs.
        ConfigError: patterns of speakers or sentences for a corpus that knows them, or a part of a corpus
            that has none.
        StorageError: a folder that cannot be read.
    """
    registered = CORPORA[name]
    info, root, mapping = registered.info, Path(root), as_mapping(mapping)
    if not registered.takes_mapping and (mapping.speaker or mapping.sentence):
        raise ConfigError(
            f"corpus '{name}' knows its speakers and sentences; take the patterns out of the mapping file"
        )
    chosen = None if part is None else _part(info, part)
    if not root.exists():
        raise CorpusRootError(root, "no such file or folder", f"the root of {name}: {info.source}")
    items = _read(registered, root, mapping, leave_out_foreign=leave_out_foreign)
    utterances = _utterances(items)
    _refuse_repeated_ids(utterances)
    if chosen is not None:
        items = [_in_part(item, chosen) for item in items]
    inside = _utterances(items)
    mapping.refuse_misspelt(
        {} if registered.takes_mapping else {utterance.emotion for utterance in utterances}
    )
    if not inside:
        what = name if part is None else f"{name}, {part},"
        raise CorpusRootError(root, f"no utterance of {what} in it{_instead(root, items)}", info.source)
    if not allow_incomplete:
        _refuse_incomplete(info, root, len(utterances), chosen, len(inside))
    if registered.describe is not None:
        info = registered.describe(root)
    if not registered.takes_mapping:
        info = _selected(info, chosen, mapping, {utterance.emotion for utterance in inside})
        items = [_mapped(item, mapping) for item in items]
    utterances = _utterances(items)
    try:
        labels = LabelSet.of(utterance.emotion for utterance in utterances)
    except LabelError as error:
        raise LabelError(f"{root}: {len(utterances)} utterances of {name} in it, but {error}") from None
    left_out = tuple(item for item in items if isinstance(item, LeftOut))
    return Corpus(info, root, utterances, labels, left_out, part)


def _read(
    registered: RegisteredCorpus, root: Path, mapping: LabelMapping, *, leave_out_foreign: bool
) -> list[Utterance | LeftOut]:
    try:
        items = list(registered.read(root, mapping))
    except OSError as error:
        raise StorageError(f"{error.filename or root}: {error.strerror}; check the permissions") from error
    for item in items:
        if isinstance(item, Foreign) and not leave_out_foreign:
            raise CorpusLayoutError(item.path, item.reason, f"{item.expected}: move it away")
    return items


def _refuse_incomplete(info: CorpusInfo, root: Path, whole: int, part: Part | None, inside: int) -> None:
    """Compare the whole with its official count; where that of the part is known, the part alone will do."""
    of_part = None if part is None else part.utterances
    found, official = (whole, info.utterances) if of_part is None else (inside, of_part)
    if official is not None and found != official:
        raise CorpusCountError(info.name, root, found, official)


def _instead(root: Path, items: Sequence[Utterance | LeftOut]) -> str:
    """Say what is there in place of utterances: why most of it was left out, or else the first names."""
    reasons = Counter(item.reason for item in items if isinstance(item, LeftOut))
    if reasons:
        (reason, count), *_ = reasons.most_common(1)
        path = next(item.path for item in items if isinstance(item, LeftOut) and item.reason == reason)
        return f" ({count} left out, {path.name} first: {reason})"
    if not root.is_dir():
        return ""
    names = sorted(entry.name for entry in root.iterdir())
    return (
        f" (found {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})"
        if names
        else " (it is empty)"
    )


def _utterances(items: Sequence[Utterance | LeftOut]) -> tuple[Utterance, ...]:
    return tuple(item for item in items if isinstance(item, Utterance))


def _part(info: CorpusInfo, name: str) -> Part:
    if not info.parts:
        raise ConfigError(f"corpus '{info.name}' has no named parts; leave --only {name} away")
    if name not in info.parts:
        raise UnknownNameError(f"part of {info.name}", name, info.parts)
    return info.parts[name]


def _in_part(item: Utterance | LeftOut, part: Part) -> Utterance | LeftOut:
    if isinstance(item, LeftOut) or item in part:
        return item
    return LeftOut(item.path, f"not {part.title}")


def _mapped(item: Utterance | LeftOut, mapping: LabelMapping) -> Utterance | LeftOut:
    """Merge or leave out the emotions that a mapping names."""
    if isinstance(item, LeftOut):
        return item
    emotion = mapping.target(item.emotion)
    if emotion is None:
        return LeftOut(item.path, f"emotion '{item.emotion}' is left out by {mapping.name}")
    return replace(item, emotion=emotion)


def _selected(
    info: CorpusInfo, part: Part | None, mapping: LabelMapping, emotions: AbstractSet[str]
) -> CorpusInfo:
    """Return what is known of a selection: the official counts, as the part and the mapping leave them.

    ``emotions`` are those that occur before they are mapped. Where one that is kept has no official count, the
    total of the selection is not known.
    """
    official = info.classes if part is None else part.classes
    before = emotions | set(official)
    if part is None and all(mapping.target(emotion) == emotion for emotion in before):
        return info
    kept = {emotion for emotion in before if mapping.target(emotion) is not None}
    not_known = mapping.targets(kept - set(official))
    classes: Counter[str] = Counter()
    for emotion, count in official.items():
        classes.update({target: count for target in mapping.targets([emotion])})
    total = sum(classes.values()) if official and not not_known else None
    whole = part is None and kept == before
    return replace(
        info,
        title=info.title if part is None else f"{info.title}: {part.title}",
        utterances=info.utterances if whole else total,
        classes={name: classes[name] for name in sorted(classes) if name not in not_known},
        speakers=info.speakers if part is None else part.speakers,
        seconds=info.seconds if whole else None,
        shortest=info.shortest if whole else None,
        longest=info.longest if whole else None,
    )


def _refuse_repeated_ids(utterances: tuple[Utterance, ...]) -> None:
    seen: dict[str, Path] = {}
    for utterance in utterances:
        if utterance.id in seen:
            other = seen[utterance.id]
            raise CorpusLayoutError(
                utterance.path,
                f"id '{utterance.id}' is also that of {'another row' if other == utterance.path else other}",
                "one id each: remove or rename one of the two",
            )
        seen[utterance.id] = utterance.path
