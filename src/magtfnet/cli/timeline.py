"""``magtfnet timeline CALL…``: emotions along a recording of any length, printed or as files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import AsJson, Hop, Margin, ModelOption, Smoothing, UnsureBelow, WindowSeconds
from magtfnet.cli.terminal import doubt, progress_bar, say, show, show_json
from magtfnet.errors import AudioError, StorageError, TimelineError

if TYPE_CHECKING:
    from magtfnet.timeline import Timeline
    from magtfnet.timeline.formats import Write


def timeline(
    calls: Annotated[list[Path], typer.Argument(help="Recordings of any length.")],
    model: ModelOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for the files; without it segments are printed.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="json, csv, textgrid, vtt, audacity, rttm or html; repeatable. With --out; json and html.",
        ),
    ] = None,
    by_channel: Annotated[
        bool,
        typer.Option("--by-channel", help="Hear each channel by itself, as in calls with a speaker a side."),
    ] = False,
    window: WindowSeconds = 3.0,
    hop: Hop = 1.0,
    smoothing: Smoothing = 0.3,
    margin: Margin = 0.1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    unsure_below: UnsureBelow = None,
    as_json: AsJson = False,
) -> None:
    """Find speech, hear it in windows, and print or write the segments; a bad recording is reported, the rest done.

    Behind a segment of a low confidence stands 'not sure'.

    Exit code 0 where all were done, 1 where some could not be.
    """
    if formats and out is None:
        raise TimelineError("--format writes files; name a folder for them with --out, or leave it away")
    if as_json and out is not None:
        raise TimelineError(
            "--json prints, --out writes files; give --out with --format json, or leave one away"
        )
    from magtfnet.cli.options import timeline_settings
    from magtfnet.recognizer import EmotionRecognizer
    from magtfnet.writing import write_whole

    settings = timeline_settings(window=window, hop=hop, smoothing=smoothing, margin=margin)
    files = _files(calls, out, formats or ["json", "html"], overwrite=overwrite) if out is not None else {}
    recognizer = EmotionRecognizer.load(model, unsure_below=unsure_below)
    done, failed = [], 0
    for call in calls:
        try:
            with progress_bar() as progress:
                found = recognizer.timeline(call, settings=settings, by_channel=by_channel, progress=progress)
        except (AudioError, StorageError) as error:
            failed += 1
            say(f"magtfnet: {' '.join(str(error).split())}")
            continue
        for path, write in files.get(call, []):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, write(found))
            show(str(path))
        if as_json:
            done.append(found.to_dict())
        elif out is None:
            _show(found)
    if as_json:
        show_json(done)
    if failed:
        say(f"magtfnet: {failed} of {len(calls)} recordings could not be used")
        raise typer.Exit(1)


def _files(
    calls: list[Path], out: Path, formats: list[str], *, overwrite: bool
) -> dict[Path, list[tuple[Path, "Write"]]]:
    """Return what is to be written for each recording, once nothing is in the way."""
    from magtfnet.timeline.formats import FORMATS

    kinds = [FORMATS[name] for name in dict.fromkeys(formats)]
    files: dict[Path, list[tuple[Path, Write]]] = {}
    owners: dict[str, Path] = {}  # by names without case: to some file systems Call and call are one
    for call in calls:
        files[call] = [(out / f"{call.stem}{kind.suffix}", kind.write) for kind in kinds]
        for path, _ in files[call]:
            owner = owners.setdefault(str(path).casefold(), call)
            if owner != call:
                raise TimelineError(
                    f"{owner} and {call} would both be written to {path}; give them to two calls"
                )
            if path.exists() and not overwrite:
                raise TimelineError(f"{path}: is there already; choose another --out, or --overwrite")
    if out.exists() and not out.is_dir():
        raise TimelineError(f"{out}: a file; name a folder")
    return files


def _show(found: "Timeline") -> None:
    if not found.segments:
        say(f"{found.source}: no speech found")
    for segment in found.segments:
        name = found.source.replace("\t", " ").replace("\n", " ")
        place = f"{segment.channel + 1}\t{segment.start:.2f}\t{segment.end:.2f}"
        show(f"{name}\t{place}\t{segment.label}\t{segment.confidence:.3f}{doubt(sure=segment.sure)}")
