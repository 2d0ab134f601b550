"""What a long recording comes to: windows with their probabilities, and segments with their emotions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from magtfnet.prediction import NOT_SURE
from magtfnet.timeline.settings import TimelineSettings


@dataclass(frozen=True, slots=True)
class Window:
    """What was heard in some seconds of speech.

    Args:
        start: in seconds.
        end: in seconds.
        probabilities: in the order of the classes.
        smoothed: the same, smoothed over the windows before.
        label: the emotion that holds after this window.
        channel: from 0.
        sure: whether the label's smoothed probability reaches the model's threshold; else it is "not sure".
    """

    start: float
    end: float
    probabilities: tuple[float, ...]
    smoothed: tuple[float, ...]
    label: str
    channel: int = 0
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech with one emotion.

    Args:
        start: in seconds.
        end: in seconds.
        label: its emotion.
        confidence: mean of the label's smoothed probability over its windows.
        windows: how many it has.
        channel: from 0.
        sure: whether the confidence reaches the model's threshold; else it is "not sure".
    """

    start: float
    end: float
    label: str
    confidence: float
    windows: int
    channel: int = 0
    sure: bool = True

    @property
    def confidence_in_words(self) -> str:
        """How sure the label is, such as ``69 %, not sure``."""
        percent = f"{100 * self.confidence:.0f} %"
        return percent if self.sure else f"{percent}, {NOT_SURE}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "start": round(self.start, 4),
            "end": round(self.end, 4),
            "label": self.label,
            "sure": self.sure,
            "confidence": round(self.confidence, 6),
            "windows": self.windows,
            "channel": self.channel,
        }


Event = Window | Segment
"""What a stream tells: each window as it is heard, each segment as it ends."""


@dataclass(frozen=True)
class Timeline:
    """The emotions of a recording along time.

    Args:
        source: what it was read from.
        duration: in seconds.
        channels: how many were heard one by one; 1 where they were mixed.
        classes: in the order of the probabilities.
        windows: by start, then channel.
        segments: by start, then channel.
        settings: how it was made.
        envelope: highest amplitude of each of equal parts of the recording, by channel, for the picture.
    """

    source: str
    duration: float
    channels: int
    classes: tuple[str, ...]
    windows: tuple[Window, ...]
    segments: tuple[Segment, ...]
    settings: TimelineSettings
    envelope: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of_events(cls, events: Sequence[Event], *, duration: float, **values: Any) -> "Timeline":
        """Return the timeline of everything that streams told; none of it ends behind the recording.

        Resampling may make a sample more of its end than it has.
        """
        within = [replace(event, end=min(event.end, duration)) for event in events]
        windows = [event for event in within if isinstance(event, Window)]
        segments = [event for event in within if isinstance(event, Segment)]
        return cls(
            duration=duration,
            windows=tuple(sorted(windows, key=lambda window: (window.start, window.channel))),
            segments=tuple(sorted(segments, key=lambda segment: (segment.start, segment.channel))),
            **values,
        )

    def of_channel(self, channel: int) -> list[Segment]:
        """Return the segments of one channel."""
        return [segment for segment in self.segments if segment.channel == channel]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "source": self.source,
            "duration": round(self.duration, 4),
            "channels": self.channels,
            "classes": list(self.classes),
            "settings": self.settings.model_dump(),
            "segments": [segment.to_dict() for segment in self.segments],
            "windows": [
                {
                    "start": round(window.start, 4),
                    "end": round(window.end, 4),
                    "label": window.label,
                    "sure": window.sure,
                    "channel": window.channel,
                    "probabilities": [round(share, 6) for share in window.probabilities],
                    "smoothed": [round(share, 6) for share in window.smoothed],
                }
                for window in self.windows
            ],
        }
