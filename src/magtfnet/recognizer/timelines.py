"""The timeline of a recording of any length: read block by block, heard as a stream is."""

import os

import numpy as np

from magtfnet.audio import Waveform
from magtfnet.audio.blocks import OpenRecording, open_recording
from magtfnet.errors import AudioPolicyError
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.recognizer import EmotionRecognizer
from magtfnet.recognizer.streaming import StreamingRecognizer
from magtfnet.timeline.envelope import Envelope
from magtfnet.timeline.settings import TimelineSettings
from magtfnet.timeline.timeline import Event, Timeline

BLOCK_SECONDS = 10.0


def timeline(
    recognizer: EmotionRecognizer,
    source: str | os.PathLike[str] | Waveform,
    *,
    settings: TimelineSettings = TimelineSettings(),
    by_channel: bool = False,
    progress: Progress = silent,
) -> Timeline:
    """Return the emotions of a recording along time, in memory that does not grow with its length but for the result.

    Args:
        recognizer: tells the emotion of each window.
        source: a path, or a waveform in memory.
        settings: windows, smoothing, speech.
        by_channel: hear each channel by itself, as in calls with a speaker a side; else they are mixed.
        progress: told seconds done and in all.

    Raises:
        AudioError: a recording that cannot be used, at whatever block that shows.
        StorageError: the system does not let us read it.
    """
    with open_recording(source) as recording:
        return timeline_of(recognizer, recording, settings=settings, by_channel=by_channel, progress=progress)


def timeline_of(
    recognizer: EmotionRecognizer,
    recording: OpenRecording,
    *,
    settings: TimelineSettings = TimelineSettings(),
    by_channel: bool = False,
    progress: Progress = silent,
) -> Timeline:
    """Return the timeline of a recording that is open; see ``timeline``."""
    rate, count = recording.sample_rate, recording.num_channels if by_channel else 1
    if by_channel and recognizer.engine.audio.channels == "refuse" and recording.num_channels > 1:
        raise AudioPolicyError(
            recording.name, "several channels", "set audio.channels to mean, first or second"
        )
    streams = [
        StreamingRecognizer(recognizer, sample_rate=rate, settings=settings, channel=channel)
        for channel in range(count)
    ]
    envelopes = [Envelope(part=max(1, rate // 40)) for _ in streams]
    events: list[Event] = []
    total = max(1, round(recording.duration))
    for block in recording.blocks(BLOCK_SECONDS):
        parts = block if by_channel and block.ndim == 2 else [block]
        for stream, envelope, part in zip(streams, envelopes, parts, strict=True):
            events += stream.push(part)
            envelope.push(part if part.ndim == 1 else np.abs(part).max(axis=0))
        progress("seconds", min(total, round(streams[0].seconds)), total)
    for stream in streams:
        events += stream.finish()
    return Timeline.of_events(
        events,
        source=str(recording.name),
        duration=streams[0].seconds,
        channels=count,
        classes=recognizer.labels.classes,
        settings=settings,
        envelope=tuple(envelope.peaks() for envelope in envelopes),
    )
