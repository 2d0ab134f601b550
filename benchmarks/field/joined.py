"""One recording made of utterances whose emotions are known, with pauses between: what a timeline finds in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from magtfnet import Timeline, Waveform, read_audio
from magtfnet.corpora import Utterance

RATE = 16_000


@dataclass(frozen=True)
class Known:
    """An utterance where it lies in the recording, in seconds."""

    start: float
    end: float
    emotion: str


def join(utterances: Sequence[Utterance], seed: int = 0) -> tuple[Waveform, list[Known]]:
    """Return utterances in an order drawn by lot, 0.6 to 1.5 s of faint noise before each and behind the last."""
    generator = np.random.default_rng(seed)

    def pause():
        return (1e-4 * generator.standard_normal(round(generator.uniform(0.6, 1.5) * RATE))).astype(
            np.float32
        )

    parts, known, position = [], [], 0
    for index in generator.permutation(len(utterances)):
        silence, samples = pause(), read_audio(utterances[index].path).samples
        start = position + len(silence)
        parts += [silence, samples]
        position = start + len(samples)
        known.append(Known(start / RATE, position / RATE, utterances[index].emotion))
    return Waveform(np.concatenate([*parts, pause()]), RATE), known


@dataclass(frozen=True)
class Found:
    """A timeline beside what is known.

    Args:
        right: for each utterance, whether the label that covers most of it is its own.
        boundaries: for each beginning and end, how far the nearest boundary of found speech lies, in seconds.
        covered: share of the utterances' time in which speech was found.
        beside: share of the pauses' time in which speech was found.
    """

    right: list[bool]
    boundaries: list[float]
    covered: float
    beside: float


def compare(timeline: Timeline, known: Sequence[Known]) -> Found:
    """Hold a timeline against what is known."""
    right, boundaries = [], []
    stretches = _stretches(timeline)
    edges = np.array([edge for stretch in stretches for edge in stretch] or [np.inf])
    inside = 0.0
    for one in known:
        shares: dict[str, float] = {}
        for segment in timeline.segments:
            overlap = min(one.end, segment.end) - max(one.start, segment.start)
            if overlap > 0:
                shares[segment.label] = shares.get(segment.label, 0.0) + overlap
        inside += sum(shares.values())
        right.append(bool(shares) and max(shares, key=shares.__getitem__) == one.emotion)
        boundaries += [float(np.abs(edges - edge).min()) for edge in (one.start, one.end)]
    spoken = sum(one.end - one.start for one in known)
    found = sum(end - start for start, end in stretches)
    return Found(right, boundaries, inside / spoken, (found - inside) / (timeline.duration - spoken))


def _stretches(timeline: Timeline) -> list[tuple[float, float]]:
    """Return where speech was found: segments without a pause between them are one."""
    stretches: list[tuple[float, float]] = []
    for segment in timeline.segments:
        if stretches and segment.start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], segment.end)
        else:
            stretches.append((segment.start, segment.end))
    return stretches
