"""Which utterances share samples: equal files, copies under another container or header, overlapping parts of a file.

Only recordings of the same rate, channels and number of samples can be equal, and the header tells these, so
few files of a corpus are decoded.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from magtfnet.audio import Waveform
from magtfnet.audio.io import read_header
from magtfnet.corpora.base import Utterance
from magtfnet.corpora.folds import group_by

T = TypeVar("T")
R = TypeVar("R")


def find_duplicates(utterances: Iterable[Utterance]) -> dict[str, str]:
    """Return, for every utterance that shares samples with another, a key that both have.

    Raises:
        AudioError: a recording that might be equal to another cannot be read.
    """
    by_shape: dict[object, list[Utterance]] = defaultdict(list)
    candidates = list(utterances)
    for utterance, shape in zip(candidates, _in_threads(_shape, candidates), strict=True):
        by_shape[shape].append(utterance)
    alike = [utterance for group in by_shape.values() if len(group) > 1 for utterance in group]
    by_content: dict[str, list[str]] = defaultdict(list)
    for utterance, digest in zip(alike, _in_threads(_digest, alike), strict=True):
        by_content[digest].append(utterance.id)
    shared = {id_: digest for digest, ids in by_content.items() if len(ids) > 1 for id_ in ids}
    overlap = overlapping(candidates)
    together = group_by(candidates, [lambda u: shared.get(u.id), lambda u: overlap.get(u.id)])
    return {u.id: group[0].id for group in together if len(group) > 1 for u in group}


def overlapping(utterances: Iterable[Utterance]) -> dict[str, str]:
    """Return, for every utterance whose part of a file overlaps with another's, a key that both have."""
    by_path: dict[object, list[Utterance]] = defaultdict(list)
    candidates = list(utterances)
    files = _files_of(candidates)
    for utterance in candidates:
        by_path[files[utterance.path]].append(utterance)
    keys: dict[str, str] = {}
    for parts in by_path.values():
        parts.sort(key=lambda part: part.start or 0.0)
        reach, first = -math.inf, parts[0]
        for part, previous in zip(parts, [parts[0], *parts], strict=False):
            if (part.start or 0.0) < reach:
                keys[previous.id] = keys[part.id] = first.id
            else:
                first = part
            reach = max(reach, math.inf if part.end is None else part.end)
    return keys


def _files_of(utterances: Sequence[Utterance]) -> dict[Path, object]:
    """Return what names the file of each path: a link is the same file, and so is a copy of one that is in parts."""
    paths = {utterance.path: utterance.path.resolve() for utterance in utterances}
    in_parts = {paths[u.path] for u in utterances if u.start is not None or u.end is not None}
    by_size: dict[int, set[Path]] = defaultdict(set)
    for path in set(paths.values()) if in_parts else ():
        if path.is_file():
            by_size[path.stat().st_size].add(path)
    alike = sorted(
        path for group in by_size.values() if len(group) > 1 and group & in_parts for path in group
    )
    digests = dict(zip(alike, _in_threads(_file_digest, alike), strict=True))
    return {path: digests.get(file, file) for path, file in paths.items()}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def content_digest(waveform: Waveform) -> str:
    """Return a digest of the samples, their shape and their rate."""
    digest = hashlib.blake2b(str((waveform.sample_rate, waveform.samples.shape)).encode(), digest_size=16)
    digest.update(waveform.samples.tobytes())
    return digest.hexdigest()


def _digest(utterance: Utterance) -> str:
    return content_digest(utterance.read())


def _shape(utterance: Utterance) -> object:
    """Return what equal recordings must share: number of samples, rate and channels of the utterance."""
    frames, rate, channels = read_header(utterance.path)
    if utterance.start is None and utterance.end is None:
        return frames, rate, channels
    start, end = (
        utterance.start or 0.0,
        min(frames / rate, math.inf if utterance.end is None else utterance.end),
    )
    return round(end * rate) - round(start * rate), rate, channels


def _in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor() as pool:  # decoding and hashing release the interpreter's lock
        return list(pool.map(function, items))
