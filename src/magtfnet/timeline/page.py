"""The picture of a timeline: the sound, segments in colours, probabilities below. One HTML file, no script."""

from typing import Any

import jinja2

from magtfnet.timeline.timeline import Timeline, Window

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("magtfnet.timeline"), autoescape=True, undefined=jinja2.StrictUndefined
)
WIDTH, SOUND, CURVES = 1200, 90, 120
"""Of a channel's picture, in its own units."""
MOST_POINTS = 1500
"""Of a curve; of more windows only every so many are drawn."""
SURE, UNSURE = 0.35, 0.12
"""How much of a segment's colour is seen."""
PALETTE = (
    "#c0392b",
    "#8e6b3a",
    "#6c8f3c",
    "#7b4fa3",
    "#d9962b",
    "#7f8c8d",
    "#2c6fad",
    "#2aa198",
    "#b03a79",
    "#4b5d67",
)
"""Told apart on white; a class keeps its colour on a page, and its name stands beside it."""


def timeline_page(timeline: Timeline) -> str:
    """Return the page."""
    return ENVIRONMENT.get_template("timeline.html").render(_values(timeline))


def timeline_picture(timeline: Timeline) -> str:
    """Return the picture and the table of segments alone, to stand in another page."""
    return ENVIRONMENT.get_template("picture.html").render(_values(timeline))


def _values(timeline: Timeline) -> dict[str, Any]:
    colours = {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(timeline.classes)}
    return {
        "timeline": timeline,
        "colours": colours,
        "channels": [_channel(timeline, channel, colours) for channel in range(timeline.channels)],
        "width": WIDTH,
        "sound": SOUND,
        "curves": CURVES,
        "ticks": _ticks(timeline.duration),
        "clock": _clock,
    }


def _channel(timeline: Timeline, channel: int, colours: dict[str, str]) -> dict[str, Any]:
    scale = WIDTH / timeline.duration
    windows = [window for window in timeline.windows if window.channel == channel]
    step = -(-len(windows) // MOST_POINTS) or 1
    runs = [[*run[:-1:step], run[-1]] for run in _runs(windows)]
    curves = [
        {"colour": colours[name], "path": " ".join(_path(run, k, scale) for run in runs)}
        for k, name in enumerate(timeline.classes)
    ]
    return {
        "number": channel + 1,
        "outline": _outline(timeline.envelope[channel] if timeline.envelope else ()),
        "segments": [
            {
                "x": f"{segment.start * scale:.2f}",
                "width": f"{max(0.5, (segment.end - segment.start) * scale):.2f}",
                "colour": colours[segment.label],
                "opacity": SURE if segment.sure else UNSURE,
                "title": f"{segment.label} {_clock(segment.start)} to {_clock(segment.end)}, "
                f"{segment.confidence_in_words}",
            }
            for segment in timeline.of_channel(channel)
        ],
        "curves": curves,
    }


def _runs(windows: list[Window]) -> list[list[Window]]:
    """Return windows that follow each other without a pause."""
    runs: list[list[Window]] = []
    for window in windows:
        if runs and window.start <= runs[-1][-1].end:
            runs[-1].append(window)
        else:
            runs.append([window])
    return runs


def _path(run: list[Window], k: int, scale: float) -> str:
    """Return the curve of class ``k`` from the beginning of the first window, by the middles, to the last's end."""
    times = [run[0].start, *((w.start + w.end) / 2 for w in run), run[-1].end]
    shares = [run[0].smoothed[k], *(w.smoothed[k] for w in run), run[-1].smoothed[k]]
    corners = (f"{time * scale:.1f},{CURVES * (1 - p):.1f}" for time, p in zip(times, shares, strict=True))
    return "M" + " L".join(corners)


def _outline(peaks: tuple[float, ...]) -> str:
    """Return the corners of the sound's outline, its highest amplitude filling the height."""
    if not peaks:
        return ""
    highest, half = max(*peaks, 1e-6), SOUND / 2
    xs = [WIDTH * k / max(1, len(peaks) - 1) for k in range(len(peaks))]
    above = [f"{x:.1f},{half * (1 - peak / highest):.1f}" for x, peak in zip(xs, peaks, strict=True)]
    below = [f"{x:.1f},{half * (1 + peak / highest):.1f}" for x, peak in zip(xs, peaks, strict=True)]
    return " ".join(above + below[::-1])


def _ticks(duration: float) -> list[tuple[str, str]]:
    """Return some ten marks: where they stand, and the time."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    step = next((step for step in steps if duration / step <= 12), steps[-1])
    return [
        (f"{k * step * WIDTH / duration:.1f}", _clock(k * step).removesuffix(".0"))
        for k in range(int(duration / step) + 1)
    ]


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds, 1), 3600)
    minutes, rest = divmod(rest, 60)
    clock = f"{int(minutes):02d}:{rest:04.1f}"
    return f"{int(hours)}:{clock}" if hours else clock
