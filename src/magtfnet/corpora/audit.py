"""The audit of a copy: is it the original, and is anything in it broken, repeated, silent or clipped?

It decodes every recording, each once.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from magtfnet.audio.io import audio_format, decode, read_bytes
from magtfnet.corpora.base import Corpus, Foreign, Utterance
from magtfnet.corpora.duplicates import content_digest
from magtfnet.errors import AudioError, StorageError
from magtfnet.progress import Progress, silent

SILENT_PEAK = 10 ** (-60 / 20)
"""A recording whose highest sample lies 60 dB below full scale holds no speech."""
CLIPPED_AT = 0.999
CLIPPED_RUN = 3
"""So many samples in a row at the recording's own peak, and that near full scale, are clipped."""
SAME_DURATION = 1e-3
TOTAL_TOLERANCE = 1e-3
NAMED = 5


@dataclass(frozen=True)
class Measured:
    """What one recording was found to be; ``error`` where it cannot be used, and then nothing else holds."""

    utterance: Utterance
    sample_rate: int = 0
    channels: int = 0
    container: str = ""
    duration: float = 0.0
    peak: float = 0.0
    clipped: bool = False
    digest: str = ""
    error: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that a user should know.

    Args:
        kind: a word for machines, such as ``duplicates``.
        message: the finding in a line.
        original: False where it shows that the copy is not the original.
        broken: True where recordings cannot be used.
        utterances: ids concerned.
    """

    kind: str
    message: str
    original: bool = True
    broken: bool = False
    utterances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Audit:
    """What a copy of a corpus was found to be."""

    corpus: Corpus
    measured: tuple[Measured, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_original(self) -> bool:
        """Whether nothing says that the copy differs from the original."""
        return all(finding.original for finding in self.findings)

    @property
    def usable(self) -> bool:
        """Whether every recording can be used."""
        return not any(finding.broken for finding in self.findings)

    def durations(self) -> list[float]:
        """Return the seconds of each usable utterance."""
        return [item.duration for item in self.measured if not item.error]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        durations = self.durations() or [0.0]
        utterances = self.corpus.utterances
        return {
            "corpus": self.corpus.name,
            "part": self.corpus.part,
            "root": str(self.corpus.root),
            "utterances": len(utterances),
            "official_utterances": self.corpus.info.utterances,
            "left_out": len(self.corpus.left_out),
            "speakers": len(self.corpus.speakers()),
            "classes": dict(sorted(Counter(u.emotion for u in utterances).items())),
            "speaker_counts": _counts([u.speaker for u in utterances]),
            "sex_counts": _counts([u.sex for u in utterances]),
            "sample_rates": _counts([str(m.sample_rate) for m in self.measured if not m.error]),
            "channels": _counts([str(m.channels) for m in self.measured if not m.error]),
            "containers": _counts([m.container for m in self.measured if not m.error]),
            "seconds": {
                "total": round(sum(durations), 3),
                "shortest": round(min(durations), 4),
                "mean": round(float(np.mean(durations)), 4),
                "longest": round(max(durations), 4),
            },
            "is_original": self.is_original,
            "usable": self.usable,
            "findings": [
                {"kind": f.kind, "message": f.message, "utterances": list(f.utterances)}
                for f in self.findings
            ],
        }


def audit(corpus: Corpus, progress: Progress = silent) -> Audit:
    """Decode every recording of a copy and compare it with what is known of the original."""
    measured = []
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter's lock
        for done, item in enumerate(pool.map(_measure, corpus.utterances), start=1):
            measured.append(item)
            progress("recordings", done, len(corpus))
    usable = [item for item in measured if not item.error]
    findings = [
        *_broken(measured),
        *_differences(corpus, usable),
        *_duplicates(usable),
        *_listed(
            "silent", "silent (peak below -60 dB of full scale)", [m for m in usable if m.peak < SILENT_PEAK]
        ),
        *_listed(
            "clipped", "clipped (3 samples or more in a row at full scale)", [m for m in usable if m.clipped]
        ),
        *_left_out(corpus),
    ]
    return Audit(corpus, tuple(measured), tuple(findings))


def _measure(utterance: Utterance) -> Measured:
    try:
        data = read_bytes(utterance.path)
        waveform = decode(data, utterance.path, start=utterance.start, end=utterance.end)
    except (AudioError, StorageError) as error:
        return Measured(utterance, error=str(error))
    samples = np.abs(np.atleast_2d(waveform.samples))
    peak = float(samples.max())
    return Measured(
        utterance,
        waveform.sample_rate,
        waveform.num_channels,
        audio_format(data),
        waveform.duration,
        peak,
        peak >= CLIPPED_AT and _longest_run(samples >= peak) >= CLIPPED_RUN,
        content_digest(waveform),
    )


def _longest_run(flags: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> int:
    """Return the longest run of True along the last axis of (channels, S)."""
    edges = np.diff(np.pad(flags, ((0, 0), (1, 1))).astype(np.int8), axis=-1)
    starts, ends = np.nonzero(edges == 1)[1], np.nonzero(edges == -1)[1]
    return int((ends - starts).max(initial=0))


def _broken(measured: Sequence[Measured]) -> list[Finding]:
    """Return a finding for each recording that cannot be used, or one for many that have the same wrong with them."""
    by_reason: dict[str, list[Measured]] = defaultdict(list)
    for item in measured:
        if item.error:
            by_reason[item.error.removeprefix(f"{item.utterance.path}: ")].append(item)
    found = []
    for reason, items in by_reason.items():
        if len(items) > NAMED:
            ids = tuple(item.utterance.id for item in items)
            messages = {f"{len(ids)} recordings: {reason}: {_list(ids)}": ids}
        else:
            messages = {item.error: (item.utterance.id,) for item in items}
        found += [
            Finding("broken", message, original=False, broken=True, utterances=ids)
            for message, ids in messages.items()
        ]
    return found


def _differences(corpus: Corpus, usable: Sequence[Measured]) -> list[Finding]:
    """Compare with the official counts, rate, container and durations, as far as they are known."""
    info, found = corpus.info, []

    def differs(kind: str, message: str) -> None:
        found.append(Finding(kind, message, original=False))

    if info.utterances is not None and len(corpus) != info.utterances:
        differs("count", f"{len(corpus)} utterances, the original has {info.utterances}")
    counts = corpus.counts()
    for emotion, official in info.classes.items():
        if counts.get(emotion, 0) != official:
            differs(
                "class_count",
                f"{counts.get(emotion, 0)} utterances of {emotion}, the original has {official}",
            )
    if info.speakers is not None and len(corpus.speakers()) != info.speakers:
        differs("speaker_count", f"{len(corpus.speakers())} speakers, the original has {info.speakers}")
    rates = sorted({item.sample_rate for item in usable})
    if info.sample_rate is not None and rates not in ([], [info.sample_rate]):
        differs(
            "sample_rate", f"sampled at {_list(rates)} Hz, the original at {info.sample_rate} Hz: resampled"
        )
    containers = sorted({item.container.split()[0] for item in usable})
    if info.container is not None and containers not in ([], [info.container]):
        differs("container", f"stored as {_list(containers)}, the original as {info.container}")
    durations = [item.duration for item in usable]
    if (
        len(durations) > 1
        and max(durations) - min(durations) < SAME_DURATION
        and info.classes  # a published one: one's own may well be cut to one length
        and (info.shortest is None or info.shortest != info.longest)
    ):
        original = (
            ""
            if info.shortest is None
            else f", the original's last {info.shortest:.2f} to {info.longest:.2f} s"
        )
        differs("cut", f"every recording lasts {durations[0]:.3f} s{original}: cut or padded to one length")
    if info.seconds is not None and abs(sum(durations) - info.seconds) > TOTAL_TOLERANCE * info.seconds:
        differs("duration", f"{sum(durations):.2f} s in all, the original has {info.seconds:.2f} s")
    return found


def _duplicates(usable: Sequence[Measured]) -> list[Finding]:
    by_digest: dict[str, list[Utterance]] = defaultdict(list)
    for item in usable:
        by_digest[item.digest].append(item.utterance)
    found = []
    for same in by_digest.values():
        if len(same) > 1:
            ids = tuple(utterance.id for utterance in same)
            labels = {utterance.emotion for utterance in same}
            word = f", under {len(labels)} emotions: {_list(sorted(labels))}" if len(labels) > 1 else ""
            found.append(Finding("duplicates", f"same samples in {_list(ids)}{word}", utterances=ids))
    return found


def _listed(kind: str, what: str, items: Sequence[Measured]) -> list[Finding]:
    ids = tuple(item.utterance.id for item in items)
    return [Finding(kind, f"{len(ids)} {what}: {_list(ids)}", utterances=ids)] if ids else []


def _left_out(corpus: Corpus) -> list[Finding]:
    foreign = [item for item in corpus.left_out if isinstance(item, Foreign)]
    found = [
        Finding("foreign", f"{item.path}: {item.reason}, expected {item.expected}", original=False)
        for item in foreign
    ]
    paths: dict[str, list[str]] = defaultdict(list)
    for item in corpus.left_out:
        if not isinstance(item, Foreign):
            inside = item.path.is_relative_to(corpus.root)
            paths[item.reason].append(str(item.path.relative_to(corpus.root) if inside else item.path))
    return found + [
        Finding("left_out", f"{len(names)} left out, {reason}: {_list(names)}")
        for reason, names in sorted(paths.items())
    ]


def _list(items: Sequence[object]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(map(str, items[:NAMED])) + more


def _counts(values: Sequence[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value if value is not None else "not known" for value in values).items()))
