"""``magtfnet evaluate BUNDLE CORPUS ROOT``: how a bundle scores on a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.options import (
    AllowIncomplete,
    AsJson,
    BundlePath,
    Cache,
    CorpusName,
    CorpusRoot,
    Labels,
    Only,
    refuse_filled,
)
from magtfnet.cli.terminal import progress_bar, say, show, show_json


def evaluate(
    bundle: BundlePath,
    corpus: CorpusName,
    root: CorpusRoot,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A new folder for predictions.csv, metrics.json and report.html."),
    ] = None,
    cache: Cache = None,
    as_json: AsJson = False,
) -> None:
    """Score a bundle on all utterances of a corpus whose emotions it knows; the others are listed."""
    from magtfnet.cli.scores import show_report
    from magtfnet.corpora import load_corpus
    from magtfnet.experiments.scoring import evaluate as evaluate_bundle
    from magtfnet.experiments.scoring import heard_before, write_evaluation
    from magtfnet.recognizer import Bundle
    from magtfnet.recognizer.library import find_model

    refuse_filled(out)
    loaded = Bundle.load(find_model(bundle))
    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    with progress_bar() as progress:
        result = evaluate_bundle(loaded, copy, cache=cache, progress=progress)
    if note := heard_before(loaded, copy):
        say(f"note: {note}")
    if out is not None:
        write_evaluation(out, loaded, copy, result)
    if as_json:
        show_json({**result.report.to_dict(), "unknown_emotions": result.unknown})
        return
    for emotion, count in result.unknown.items():
        show(f"not scored: {count} utterances of '{emotion}', which the bundle does not know")
    show_report(result.report)
    if out is not None:
        show(f"report: {out / 'report.html'}")
