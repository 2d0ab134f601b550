"""``magtfnet export BUNDLE model.onnx``: one file from the waveform to probabilities, for runtimes without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import AllowIncomplete, AsJson, BundlePath, Labels, Only, refuse_given
from magtfnet.cli.terminal import progress_bar, say, show, show_json, show_table
from magtfnet.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from magtfnet.audio.waveform import Samples
    from magtfnet.deploy.comparison import Comparison
    from magtfnet.recognizer.onnx_engine import OnnxEngine


def export(
    bundle: BundlePath,
    out: Annotated[Path, typer.Argument(help="The file to write, such as model.onnx.")],
    int8: Annotated[bool, typer.Option("--int8", help="Products in 8 bits; needs --calibration.")] = False,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            help="Recordings, or a folder of them, that show --int8 what it will hear; repeatable.",
        ),
    ] = None,
    corpus: Annotated[
        tuple[str, Path] | None,
        typer.Option("--corpus", help="NAME ROOT of a corpus on which --int8 is compared with 32 bits."),
    ] = None,
    labels: Labels = None,
    only: Only = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Write a bundle as one ONNX file, once it has answered as torch does on recordings from 0.1 to 60 s."""
    _refuse_unfit(out, int8=int8, calibration=calibration, compared=corpus is not None, overwrite=overwrite)
    if corpus is None:
        of_a_corpus = {"--labels": labels, "--only": only, "--allow-incomplete": allow_incomplete or None}
        refuse_given("--corpus", of_a_corpus)
    from magtfnet.corpora import load_corpus
    from magtfnet.deploy.comparison import compare
    from magtfnet.deploy.onnx_export import export as export_graph
    from magtfnet.deploy.quantize import quantize
    from magtfnet.recognizer.bundle import Bundle
    from magtfnet.recognizer.library import find_model
    from magtfnet.recognizer.onnx_engine import OnnxEngine
    from magtfnet.writing import whole_file

    loaded = Bundle.load(find_model(bundle))
    copy = comparison = None
    if corpus is not None:
        copy = load_corpus(*corpus, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    with progress_bar() as progress:
        plain = written = export_graph(loaded, progress)
        if int8:
            written = quantize(plain, _recordings(calibration or [], OnnxEngine(plain)))
        if copy is not None:
            comparison = compare(plain, written, copy, progress)
    with whole_file(out) as temporary:
        temporary.write_bytes(written)
    if as_json:
        told = {"file": str(out), "bytes": len(written), "bytes_float32": len(plain), "int8": int8}
        show_json(told | {"comparison": comparison.to_dict() if comparison else None})
        return
    show(f"{out}: {len(written):,} bytes{f', {len(plain):,} in 32 bits' if int8 else ''}")
    if comparison is not None:
        _show(comparison)


def _refuse_unfit(
    out: Path, *, int8: bool, calibration: list[Path] | None, compared: bool, overwrite: bool
) -> None:
    if int8 and not calibration:
        raise ConfigError(
            "--int8 needs recordings that show it what it will hear; give --calibration FILE or FOLDER"
        )
    if not int8 and (calibration or compared):
        raise ConfigError("--calibration and --corpus belong to --int8; give it, or leave them away")
    if out.suffix.lower() != ".onnx" and not out.is_dir():
        raise ExportError(
            f"{out}: an exported model is known by its suffix; name it {out.with_suffix('.onnx').name}"
        )
    if out.is_dir():
        raise ExportError(f"{out}: a folder; name the file to write, such as {out / 'model.onnx'}")
    if out.exists() and not overwrite:
        raise ExportError(f"{out}: is there already; choose another name, or --overwrite")
    if not out.parent.is_dir():
        raise ExportError(f"{out.parent}: no such folder; make it, or choose another")


def _recordings(paths: list[Path], engine: "OnnxEngine") -> "list[Samples]":
    """Return prepared waveforms of files and of the recordings in folders; a bad one is named and left out."""
    from magtfnet.audio import prepare, read_audio
    from magtfnet.audio.finding import find_recordings
    from magtfnet.errors import AudioError

    waveforms = []
    for path in paths:
        for file in find_recordings(path) if path.is_dir() else [path]:
            try:
                waveforms.append(prepare(read_audio(file), engine.audio, file).samples)
            except AudioError as error:
                say(f"magtfnet: {error}")
    return waveforms


def _show(comparison: "Comparison") -> None:
    from magtfnet.evaluation.wording import percent

    rows = [
        (
            name,
            f"{scores.num_bytes:,}",
            f"{scores.milliseconds:.2f}",
            percent(scores.weighted_accuracy),
            percent(scores.unweighted_accuracy),
        )
        for name, scores in (("float32", comparison.before), ("int8", comparison.after))
    ]
    show_table(("file", "bytes", "ms CPU a second of speech", "WA", "UA"), rows)
    before, after = comparison.before, comparison.after
    changes = {
        "WA": after.weighted_accuracy - before.weighted_accuracy,
        "UA": after.unweighted_accuracy - before.unweighted_accuracy,
    }
    for name, change in changes.items():
        interval = comparison.intervals and comparison.intervals[name]
        word = f" (95 % interval {100 * interval[0]:+.2f} to {100 * interval[1]:+.2f})" if interval else ""
        show(f"{name} changes by {100 * change:+.2f} points{word}")
    show(f"same label for {percent(comparison.agreement)} % of {comparison.utterances} utterances")
