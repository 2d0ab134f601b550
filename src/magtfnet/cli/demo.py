"""``magtfnet demo``: the main job from nothing: a corpus, a training, its scores, a prediction."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.options import AllowIncomplete, Labels
from magtfnet.cli.terminal import progress_bar, say, show
from magtfnet.errors import ConfigError


def demo(
    corpus: Annotated[
        str | None, typer.Argument(help="A registered corpus; a synthetic one without it.")
    ] = None,
    root: Annotated[Path | None, typer.Argument(help="Where its copy lies.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where everything goes.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(min=1, help="How many epochs.")] = 8,
    labels: Labels = None,
    allow_incomplete: AllowIncomplete = False,
) -> None:
    """Train MAGTF-Net for a few epochs, score it on held-out utterances, and predict one file.

    Without arguments it writes a small synthetic corpus first. The scores of so short a training are no
    results.
    """
    if (corpus is None) != (root is None):
        raise ConfigError("the demonstration takes a corpus and its root, or neither; give CORPUS and ROOT")
    from magtfnet.audio import read_audio
    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.cli.scores import show_report
    from magtfnet.config import load_config
    from magtfnet.corpora import load_corpus
    from magtfnet.corpora.synthetic import write_corpus
    from magtfnet.experiments.cross_validation import plan, train_all
    from magtfnet.recognizer import EmotionRecognizer

    copy = None
    if corpus is not None and root is not None:
        copy = load_corpus(corpus, root, mapping=labels, allow_incomplete=allow_incomplete)
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=out))
    work.chmod(0o755)
    if copy is None:
        say(f"writing a synthetic corpus to {work / 'corpus'}")
        write_corpus(work / "corpus")
        copy = load_corpus("synthetic", work / "corpus")
    held_out = "speaker_independent_k_fold" if len(copy.speakers()) > 4 else "speaker_dependent_8_1_1"
    settings = load_config(None, [f"protocol.name={held_out}", f"training.epochs={epochs}"])
    run_dir = work / "run"
    with progress_bar() as progress:
        announce = TerminalAnnounce(progress)
        done = train_all(
            copy,
            plan(copy, settings, [0], fold=0),
            run_dir,
            settings,
            cache=work / "features",
            announce=announce,
        )
    run = next(iter(done.values()))
    show_report(run.report)
    tested = run.report.rows[0]
    utterance = copy[tested.id]
    waveform = read_audio(utterance.path, start=utterance.start, end=utterance.end)
    prediction = EmotionRecognizer.load(run_dir / "bundle").predict(waveform)
    show(
        f"{utterance.path}: {prediction.label} ({100 * prediction.confidence:.0f} %), labelled {tested.emotion}"
    )
    show(f"report: {run_dir / 'report.html'}")
    show(f"bundle: {run_dir / 'bundle'}")
    program = sys.argv[0] if Path(sys.argv[0]).name == "magtfnet" else "magtfnet"
    show(f"try it: {program} predict {run_dir / 'bundle'} YOUR.wav")
