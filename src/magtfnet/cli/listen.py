"""``magtfnet listen``: emotions as they are spoken, from a microphone or from a file in its place."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import Hop, Margin, ModelOption, Smoothing, UnsureBelow, WindowSeconds
from magtfnet.cli.terminal import doubt, say, show

if TYPE_CHECKING:
    from magtfnet.recognizer.streaming import StreamingRecognizer
    from magtfnet.timeline.timeline import Event, Window

BAR = 30


def listen(
    model: ModelOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Play this recording in place of a microphone.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0, help="Of --file: 1, the default, as it was spoken, 0 as fast as it can be heard."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Microphone by number or name; the system's own if not given.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long.")] = None,
    window: WindowSeconds = 3.0,
    hop: Hop = 1.0,
    smoothing: Smoothing = 0.3,
    margin: Margin = 0.1,
    unsure_below: UnsureBelow = None,
) -> None:
    """Show the emotion of each window and print each segment as it ends; Ctrl-C ends it and keeps what was heard."""
    from magtfnet.audio.sources import played, recorded
    from magtfnet.cli.options import refuse_given, timeline_settings
    from magtfnet.recognizer import EmotionRecognizer
    from magtfnet.recognizer.streaming import StreamingRecognizer

    if file is None:
        refuse_given("--file", {"--speed": speed})
    else:
        refuse_given("a microphone, and --file is given", {"--device": device})
    settings = timeline_settings(window=window, hop=hop, smoothing=smoothing, margin=margin)
    recognizer = EmotionRecognizer.load(model, unsure_below=unsure_below)
    with played(file, 1.0 if speed is None else speed) if file is not None else recorded(device) as source:
        stream = StreamingRecognizer(recognizer, sample_rate=source.sample_rate, settings=settings)
        say(f"hearing {source.name} at {source.sample_rate} Hz; Ctrl-C ends it")
        with _display(stream) as tell:
            try:
                for samples in source.pieces:
                    tell(stream.push(samples))
                    if seconds is not None and stream.seconds >= seconds:
                        break
            except KeyboardInterrupt:
                pass  # the ordinary end of listening
            tell(stream.finish())


@contextmanager
def _display(stream: "StreamingRecognizer") -> Iterator[Callable[["Sequence[Event]"], None]]:
    """Give what draws events: bars that are alive in a terminal, and a line a segment on stdout."""
    if not sys.stderr.isatty():
        yield _print_segments
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(
        Text("waiting for speech"), console=Console(stderr=True), transient=True, refresh_per_second=8
    ) as live:
        last: list[str] = []

        def tell(events: "Sequence[Event]") -> None:
            from magtfnet.timeline import Window

            for event in events:
                if isinstance(event, Window):
                    last[:] = bars(stream.classes, event)
            state = "speech" if stream.speaking else "silence"
            live.update(Text("\n".join([f"{stream.seconds:7.1f} s  {state}", *last])))
            _print_segments(events)

        yield tell


def bars(classes: "Sequence[str]", window: "Window") -> list[str]:
    """Return a line a class: name, bar and share of the smoothed probability; the label's is marked, if sure or not."""
    width = max(map(len, classes))
    marks = {window.label: ">" if window.sure else "?"}
    return [
        f"{marks.get(name, ' ')} {name:<{width}} {'#' * round(BAR * share):<{BAR}} {100 * share:3.0f} %"
        for name, share in zip(classes, window.smoothed, strict=True)
    ]


def _print_segments(events: "Sequence[Event]") -> None:
    from magtfnet.timeline import Segment

    for event in events:
        if isinstance(event, Segment):
            confidence = f"{event.confidence:.3f}{doubt(sure=event.sure)}"
            show(f"{event.start:.2f}\t{event.end:.2f}\t{event.label}\t{confidence}")
            sys.stdout.flush()
