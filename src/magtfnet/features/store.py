"""The feature store: the frames of every utterance, extracted once, read from its files ever after.

A folder per front-end configuration holds ``log_mel.f32`` and ``lld.f32``, to which frames are only ever
appended, and ``index.jsonl`` with a line per utterance, written after its frames. Functionals that do not follow
from these frames are kept as well, a row an utterance in ``functionals.f32``. A kill leaves at worst a torn tail,
which the next run cuts off. Features are found by the content of their recording, so that an altered file is a
new one. What is read is compared with its checksum: numbers that a disk has lost are named, not learnt from.
"""

import errno
import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from magtfnet.audio import Waveform, read_audio
from magtfnet.audio.augment import CHANGES
from magtfnet.audio.io import decode, read_bytes
from magtfnet.audio.prepare import prepare
from magtfnet.config import AudioConfig, FeatureConfig, to_plain
from magtfnet.cores import cores
from magtfnet.errors import StorageError
from magtfnet.features.batch import FeatureBatch
from magtfnet.features.frame_file import FrameFile, Frames, checksum_of
from magtfnet.features.front_end import FrontEnd
from magtfnet.features.functionals import functionals
from magtfnet.progress import Progress, silent

FRONT_END_VERSION = 6
"""Raised whenever the front end computes other numbers from the same configuration."""


class Extracted(NamedTuple):
    """The features of one recording: log-Mel (T, M), descriptors (T, L), and functionals (1, n) where they are kept."""

    log_mel: Frames
    lld: Frames
    functionals: Frames | None = None


class Place(NamedTuple):
    """Where the features of one recording lie: its row among all, its first frame, its number of frames.

    ``checksums`` are those of what each file holds of it, in the order of the files; none in stores of old.
    """

    row: int
    first: int
    frames: int
    checksums: tuple[int, ...] = ()


Append = Callable[[str, Extracted], None]


@dataclass(frozen=True)
class Recording:
    """What the store needs of an utterance: where it lies, its part of the file in seconds, and what is changed.

    ``change`` names one of ``audio.augment.CHANGES``; what is random in it follows from the content.
    """

    path: Path
    start: float | None = None
    end: float | None = None
    change: str | None = None


class FeatureStore:
    """Features of recordings, by content and configuration.

    Args:
        folder: where the features are kept, for all configurations.
        audio: how recordings are mixed down and resampled.
        features: the front end.
    """

    def __init__(self, folder: Path, audio: AudioConfig, features: FeatureConfig) -> None:
        self.audio = audio
        self.features = features
        self.front_end = FrontEnd(audio, features)
        self.folder = folder / configuration_key(audio, features)
        self._entries: dict[str, Place] = {}  # by the key of the content
        self._keys: dict[Recording, str] = {}
        self._open: dict[str, FrameFile] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open files behind when the store travels to another process."""
        return self.__dict__ | {"_open": {}}

    def extract(self, recordings: Iterable[Recording], progress: Progress = silent) -> None:
        """Make sure that the features of every recording are in the store, and current.

        Every file is read and its content compared; only what is new is computed, on all cores.

        Raises:
            AudioError: a recording that cannot be used; what was extracted before it is kept.
            StorageError: the folder cannot be written, or the disk is full; the store stays whole.
        """
        wanted = list(dict.fromkeys(recordings))
        with self._writing() as append:
            self._extract(wanted, append, progress)

    def __getitem__(self, recording: Recording) -> tuple[Frames, Frames]:
        """Return log-Mel (T, M) and descriptors (T, L) of a recording that was extracted."""
        batch = self.batch([recording])
        return batch.log_mel[0].numpy(), batch.lld[0].numpy()

    def waveform(self, recording: Recording) -> Waveform:
        """Return a recording as features are made of it, before any change; for what hears by itself.

        Raises:
            AudioError: it cannot be used.
        """
        waveform = read_audio(recording.path, start=recording.start, end=recording.end)
        return prepare(waveform, self.audio, recording.path)

    def content_key(self, recording: Recording) -> str:
        """Return the key of the content of a recording that was extracted."""
        return self._keys[recording]

    def length(self, recording: Recording) -> int:
        """Return the number of frames of a recording that was extracted."""
        return self._entries[self._keys[recording]].frames

    def batch(self, recordings: Sequence[Recording]) -> FeatureBatch:
        """Return the features of several recordings, padded to the longest.

        Raises:
            StorageError: the store cannot be read.
        """
        places = [self._entries[self._keys[recording]] for recording in recordings]
        lengths = torch.tensor([place.frames for place in places])
        log_mel, lld = (self._padded(name, places, int(lengths.max())) for name in ("log_mel", "lld"))
        if "functionals" in self.widths():
            rows = [Place(0, place.row, 1, place.checksums) for place in places]
            return FeatureBatch(log_mel, lld, self._padded("functionals", rows, 1).squeeze(1), lengths)
        return FeatureBatch(log_mel, lld, functionals(lld, lengths, self.features.statistics), lengths)

    def put(self, features: Iterable[tuple[Recording, str, Frames, Frames]]) -> None:
        """Keep features that were computed elsewhere, where the functionals follow from them.

        Args:
            features: of each recording a key of its content, log-Mel (T, M) and descriptors (T, L).

        Raises:
            StorageError: as ``extract``.
        """
        with self._writing() as append:
            for recording, key, log_mel, lld in features:
                append(key, Extracted(log_mel, lld))
                self._keys[recording] = key

    def _padded(self, name: str, places: Sequence[Place], longest: int) -> Tensor:
        """Return frames (B, T, width), zeros behind the shorter ones, each read to where it belongs."""
        padded = np.zeros((len(places), longest, self.widths()[name]), np.float32)
        try:
            file = self._open.get(name)
            if (
                file is None or file.process != os.getpid()
            ):  # a forked process shares the place in an open file
                file = self._open[name] = FrameFile(self._file(name), self.widths()[name])
            number = list(self.widths()).index(name)
            for frames, place in zip(padded, places, strict=True):
                checksum = place.checksums[number] if place.checksums else None
                file.read_into(frames[: place.frames], place.first, checksum)
        except OSError as error:
            raise StorageError(_storage_message(self.folder, error)) from error
        return torch.from_numpy(padded)

    @contextmanager
    def _writing(self) -> Iterator[Append]:
        """Lock the folder, mend what a kill left, and give a function that appends features to it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                self._recover()
                with ExitStack() as stack:
                    files = [stack.enter_context(self._file(name).open("ab")) for name in self.widths()]
                    index = stack.enter_context((self.folder / "index.jsonl").open("a", encoding="utf-8"))
                    next_frame = max(
                        (place.first + place.frames for place in self._entries.values()), default=0
                    )

                    def append(key: str, extracted: Extracted) -> None:
                        nonlocal next_frame
                        if key in self._entries:
                            return
                        kept = [np.ascontiguousarray(frames) for frames in extracted if frames is not None]
                        for file, frames in zip(files, kept, strict=True):
                            file.write(frames.tobytes())
                            file.flush()
                        count = len(extracted.log_mel)
                        checksums = tuple(checksum_of(frames) for frames in kept)
                        entry = {"key": key, "first": next_frame, "count": count, "crc32": checksums}
                        index.write(json.dumps(entry) + "\n")
                        index.flush()
                        self._entries[key] = Place(len(self._entries), next_frame, count, checksums)
                        next_frame += count

                    yield append
        except OSError as error:
            raise StorageError(_storage_message(self.folder, error)) from error
        self._open.clear()

    def _extract(self, wanted: Sequence[Recording], append: Append, progress: Progress) -> None:
        with ThreadPoolExecutor(max_workers=cores()) as pool:
            results = _ahead(pool, self._features_of, wanted)
            for done, (recording, (key, features)) in enumerate(zip(wanted, results, strict=True), start=1):
                if features is not None:
                    append(key, features)
                self._keys[recording] = key
                progress("features", done, len(wanted))

    def _features_of(self, recording: Recording) -> "Result":
        """Return the content key of a recording, and its features where the store does not have them."""
        data = read_bytes(recording.path)
        change = "" if recording.change is None else f" {recording.change}"
        part = f"{recording.start} {recording.end}{change}".encode()
        key = hashlib.blake2b(
            data, digest_size=16, key=hashlib.blake2b(part, digest_size=16).digest()
        ).hexdigest()
        if key in self._entries:
            return key, None
        waveform = decode(data, recording.path, start=recording.start, end=recording.end)
        prepared = prepare(waveform, self.audio, recording.path)
        if recording.change is not None:
            prepared = CHANGES[recording.change](prepared, np.random.default_rng(int(key, 16)))
        batch = self.front_end.extract(prepared)
        vector = batch.functionals.numpy() if "functionals" in self.widths() else None
        return key, Extracted(batch.log_mel[0].numpy(), batch.lld[0].numpy(), vector)

    def _recover(self) -> None:
        """Read the index as far as it is whole, and cut off whatever stands behind it."""
        index, whole, end = self.folder / "index.jsonl", 0, 0
        entries: dict[str, Place] = {}
        frames = min(self._held(name) for name in ("log_mel", "lld"))
        vectors = self._held("functionals") if "functionals" in self.widths() else math.inf
        if index.exists():
            for line in index.read_bytes().splitlines(keepends=True):
                entry = _entry(line)
                if entry is None or entry[1] != end or end + entry[2] > frames or len(entries) >= vectors:
                    break
                key, first, count, checksums = entry
                entries[key] = Place(len(entries), first, count, checksums)
                end = first + count
                whole += len(line)
            os.truncate(index, whole)
        for name, width in self.widths().items():
            if self._file(name).exists():
                rows = len(entries) if name == "functionals" else end
                os.truncate(self._file(name), rows * width * 4)
        self._entries = entries

    def _held(self, name: str) -> int:
        file = self._file(name)
        return file.stat().st_size // (4 * self.widths()[name]) if file.exists() else 0

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.f32"

    def widths(self) -> dict[str, int]:
        """Return how many numbers a row of each kept feature has: a frame, or an utterance's functionals."""
        frames = {"log_mel": self.features.log_mel.n_mels, "lld": len(self.front_end.descriptor_names)}
        if self.features.functionals == "paper":
            return frames
        return frames | {"functionals": len(self.front_end.functional_names)}


def configuration_key(audio: AudioConfig, features: FeatureConfig) -> str:
    """Return a short name for everything that decides the stored numbers."""
    parts: dict[str, Any] = {
        "version": FRONT_END_VERSION,
        "audio": to_plain(audio),
        **{name: to_plain(getattr(features, name)) for name in ("stft", "log_mel", "lld")},
    }
    if features.functionals != "paper":
        parts["functionals"] = features.functionals
    return short_name(parts)


def short_name(settings: Mapping[str, Any]) -> str:
    """Return a name for plain settings, another one for other settings."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


Result = tuple[str, Extracted | None]


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[Recording], Result], items: Sequence[Recording]
) -> Iterator[Result]:
    """Map in threads, in order, with a bounded number of results waiting, so that memory stays flat."""
    queue: deque[Future[Result]] = deque()
    source = iter(items)
    queue.extend(pool.submit(function, item) for item in islice(source, 4 * cores()))
    try:
        while queue:
            result = queue.popleft().result()
            queue.extend(pool.submit(function, item) for item in islice(source, 1))
            yield result
    finally:
        for future in queue:
            future.cancel()


def _entry(line: bytes) -> tuple[str, int, int, tuple[int, ...]] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
        checksums = tuple(int(checksum) for checksum in values.get("crc32", ()))
        return str(values["key"]), int(values["first"]), int(values["count"]), checksums
    except (ValueError, KeyError, TypeError):
        return None


def _storage_message(folder: Path, error: OSError) -> str:
    remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check the permissions"
    return f"{folder}: {error.strerror}; {remedy}, or set MAGTFNET_CACHE to another folder"


def default_cache() -> Path:
    """Return where features are kept: ``MAGTFNET_CACHE``, or ``magtfnet`` in the user's cache folder."""
    named = os.environ.get("MAGTFNET_CACHE")
    if named:
        return Path(named)
    kept = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(kept) if kept else Path.home() / ".cache") / "magtfnet"
    except RuntimeError as error:  # a user without a home
        raise StorageError(
            "no home folder to keep features in; set MAGTFNET_CACHE to a folder, or name one by --cache"
        ) from error
