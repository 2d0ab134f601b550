"""``magtfnet demo``: the main job from nothing: a corpus, a training, its scores, a prediction."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.cli.options import AllowIncomplete, Labels, Only, refuse_given
from magtfnet.cli.terminal import progress_bar, say, show
from magtfnet.errors import ConfigError

if TYPE_CHECKING:
    from magtfnet.corpora import Corpus
    from magtfnet.experiments import TrainedRun


def demo(
    corpus: Annotated[
        str | None, typer.Argument(help="A registered corpus; a synthetic one without it.")
    ] = None,
    root: Annotated[Path | None, typer.Argument(help="Where its copy lies.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where everything goes.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(min=1, help="How many epochs.")] = 8,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
) -> None:
    """Train MAGTF-Net for a few epochs, score it on held-out utterances, and predict one file.

    Without arguments it writes a small synthetic corpus first. The scores of so short a training are no
    results.
    """
    if (corpus is None) != (root is None):
        raise ConfigError("the demonstration takes a corpus and its root, or neither; give CORPUS and ROOT")
    if corpus is None:
        of_a_corpus = {"--labels": labels, "--only": only, "--allow-incomplete": allow_incomplete or None}
        refuse_given("a corpus", of_a_corpus)
    from magtfnet.corpora import load_corpus
    from magtfnet.corpora.synthetic import write_corpus

    copy = None
    if corpus is not None and root is not None:
        copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=out))
    work.chmod(0o755)
    try:
        if copy is None:
            say(f"writing a synthetic corpus to {work / 'corpus'}")
            write_corpus(work / "corpus")
            copy = load_corpus("synthetic", work / "corpus")
        run = _train(copy, work, epochs)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _show(copy, run)


def _train(corpus: "Corpus", work: Path, epochs: int) -> "TrainedRun":
    """Train one fold, with new speakers tested where there are enough of them."""
    from magtfnet.cli.announce import TerminalAnnounce
    from magtfnet.config import load_config
    from magtfnet.experiments.cross_validation import plan, train_all

    known = all(utterance.speaker is not None for utterance in corpus)
    enough = known and len(corpus.speakers()) > 4
    protocol = "speaker_independent_k_fold" if enough else "speaker_dependent_8_1_1"
    settings = load_config(None, [f"protocol.name={protocol}", f"training.epochs={epochs}"])
    runs = plan(corpus, settings, [0], fold=0)
    with progress_bar() as progress:
        announce = TerminalAnnounce(progress)
        done = train_all(corpus, runs, work / "run", settings, cache=work / "features", announce=announce)
    return next(iter(done.values()))


def _show(corpus: "Corpus", run: "TrainedRun") -> None:
    """Print the scores, one prediction, and where everything is."""
    from magtfnet.cli.scores import show_report
    from magtfnet.recognizer import EmotionRecognizer

    show_report(run.report)
    tested = run.report.rows[0]
    utterance, bundle = corpus[tested.id], run.folder / "bundle"
    waveform = utterance.read()
    prediction = EmotionRecognizer.load(bundle).predict(waveform)
    confidence = f"{100 * prediction.confidence:.0f} %"
    show(f"{utterance.path}: {prediction.label} ({confidence}), labelled {tested.emotion}")
    show(f"report: {run.folder / 'report.html'}")
    show(f"bundle: {bundle}")
    program = sys.argv[0] if Path(sys.argv[0]).name == "magtfnet" else "magtfnet"
    show(f"try it: {program} predict {bundle} YOUR.wav")
