"""``magtfnet ship CORPUS ROOT OUT``: a model trained on all of a corpus, exported, with its card."""

from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.options import MAX_SEED, AllowIncomplete, Cache, CorpusName, CorpusRoot, Labels, Only
from magtfnet.cli.terminal import progress_bar, say, show
from magtfnet.cli.train import Precision
from magtfnet.errors import BundleError


def ship(
    corpus: CorpusName,
    root: CorpusRoot,
    out: Annotated[Path, typer.Argument(help="The bundle to write, a new folder.")],
    scores: Annotated[
        list[Path],
        typer.Option(
            "--scores", help="Run directory of a finished protocol, for the card and the epochs; repeatable."
        ),
    ],
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of weights, order and dropout.")] = 0,
    unsure_below: Annotated[
        float, typer.Option(min=0, max=1, help="An answer of a lower probability is 'not sure'; 0: never.")
    ] = 0.5,
    precision: Annotated[
        Precision, typer.Option(help="Of the large products in training.")
    ] = Precision.FLOAT32,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    cache: Cache = None,
) -> None:
    """Train on every utterance for as many epochs as validation chose in the runs named, export, and write a card."""
    if out.exists():
        raise BundleError(f"{out}: exists already; remove it or choose another name")
    from magtfnet.corpora import load_corpus
    from magtfnet.experiments.past_results import PastResults, fixed_epochs
    from magtfnet.experiments.shipping import ship as train_and_export

    results = [PastResults.read(folder) for folder in scores]
    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    say(f"{len(copy)} utterances of {copy.name}, nothing held out; epochs: {fixed_epochs(results)}")
    with progress_bar() as progress:
        bundle = train_and_export(
            copy,
            results,
            seed=seed,
            unsure_below=unsure_below,
            precision=precision.value,
            cache=cache,
            on_epoch=lambda row: say(
                f"epoch {row['epoch']:3.0f}  loss {row['train_loss']:.4f}  {row['seconds']:.1f} s"
            ),
            progress=progress,
        )
    bundle.save(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    show(f"{out}: {size:,} bytes")
