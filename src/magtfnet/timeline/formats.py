"""A timeline as the files that other programs read; each function returns the text of one."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from magtfnet.prediction import NOT_SURE
from magtfnet.registry import Registry
from magtfnet.timeline.timeline import Segment, Timeline

Write = Callable[[Timeline], str]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        suffix: with its dot.
        write: a timeline to the file's text.
    """

    suffix: str
    write: Write


FORMATS: Registry[Format] = Registry("format")


def _register(name: str, suffix: str) -> Callable[[Write], Write]:
    def add(write: Write) -> Write:
        FORMATS.add(name, Format(suffix, write))
        return write

    return add


@_register("json", ".json")
def to_json(timeline: Timeline) -> str:
    """Everything: segments, windows with all probabilities, settings."""
    return json.dumps(timeline.to_dict(), indent=2, ensure_ascii=False) + "\n"


@_register("csv", ".csv")
def to_csv(timeline: Timeline) -> str:
    """A line a segment."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("start", "end", "channel", "label", "confidence", "windows", "sure"))
    for s in timeline.segments:
        times, confidence = (f"{s.start:.3f}", f"{s.end:.3f}"), f"{s.confidence:.4f}"
        writer.writerow((*times, s.channel, s.label, confidence, s.windows, str(s.sure).lower()))
    return file.getvalue()


@_register("textgrid", ".TextGrid")
def to_textgrid(timeline: Timeline) -> str:
    """Praat's long text format: a tier of intervals a channel, empty ones between the segments."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {timeline.duration:.6f}",
        "tiers? <exists>",
        f"size = {timeline.channels}",
        "item []:",
    ]
    for channel in range(timeline.channels):
        intervals = _without_gaps(timeline.of_channel(channel), timeline.duration)
        lines += [
            f"    item [{channel + 1}]:",
            '        class = "IntervalTier"',
            f'        name = "{_tier(timeline, channel)}"',
            "        xmin = 0",
            f"        xmax = {timeline.duration:.6f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for number, (start, end, label) in enumerate(intervals, start=1):
            quoted = label.replace('"', '""')
            lines += [
                f"        intervals [{number}]:",
                f"            xmin = {start:.6f}",
                f"            xmax = {end:.6f}",
                f'            text = "{quoted}"',
            ]
    return "\n".join(lines) + "\n"


@_register("vtt", ".vtt")
def to_vtt(timeline: Timeline) -> str:
    """WebVTT captions: a cue a segment."""
    cues = []
    for s in timeline.segments:
        voice = f"channel {s.channel + 1}: " if timeline.channels > 1 else ""
        label = s.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        told = f"{voice}{_one_line(label)} ({s.confidence_in_words})"
        cues.append(f"{_clock(s.start)} --> {_clock(s.end)}\n{told}\n")
    return "\n".join(["WEBVTT\n", *cues])


@_register("audacity", ".txt")
def to_audacity(timeline: Timeline) -> str:
    """Audacity's label track: start, end and text between tabs."""
    rows = []
    for s in timeline.segments:
        voice = f"{s.channel + 1}: " if timeline.channels > 1 else ""
        rows.append(f"{s.start:.6f}\t{s.end:.6f}\t{voice}{_text(s)}\n")
    return "".join(rows)


@_register("rttm", ".rttm")
def to_rttm(timeline: Timeline) -> str:
    """NIST's rich transcription time marks: the emotion stands where a speaker's name does."""
    name = "_".join(Path(timeline.source).stem.split()) or "recording"
    return "".join(
        f"SPEAKER {name} {s.channel + 1} {s.start:.3f} {s.end - s.start:.3f} <NA> <NA> "
        f"{'_'.join(s.label.split())} {s.confidence:.4f} <NA>\n"
        for s in timeline.segments
    )


@_register("html", ".html")
def to_html(timeline: Timeline) -> str:
    """One page with the picture; nothing beside it is needed."""
    from magtfnet.timeline.page import timeline_page

    return timeline_page(timeline)


def _without_gaps(segments: list[Segment], duration: float) -> list[tuple[float, float, str]]:
    """Return intervals from 0 to the end, those without speech with an empty text; at least one."""
    intervals, last = [], 0.0
    for segment in segments:
        if segment.start > last:
            intervals.append((last, segment.start, ""))
        intervals.append((segment.start, segment.end, _text(segment)))
        last = segment.end
    if not intervals or (last < duration and f"{last:.6f}" != f"{duration:.6f}"):
        intervals.append((last, duration, ""))
    return intervals


def _tier(timeline: Timeline, channel: int) -> str:
    return f"emotion channel {channel + 1}" if timeline.channels > 1 else "emotion"


def _text(segment: Segment) -> str:
    """Return the words of a label that has no other place for its doubt."""
    label = _one_line(segment.label)
    return label if segment.sure else f"{label} ({NOT_SURE})"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _clock(seconds: float) -> str:
    milliseconds = round(1000 * seconds)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
