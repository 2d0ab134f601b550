"""``magtfnet synthesize ROOT``: write a small synthetic corpus in the layout of any registered corpus."""

from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.terminal import show


def synthesize(
    root: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")],
    layout: Annotated[str, typer.Option(help="Name of the corpus whose layout is written.")] = "synthetic",
    speakers: Annotated[int, typer.Option(min=1, help="How many speakers.")] = 8,
    sentences: Annotated[int, typer.Option(min=1, help="How many sentences.")] = 5,
    takes: Annotated[int, typer.Option(min=1, help="How often each is said.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of voices, sentences and chance.")] = 0,
) -> None:
    """Write a small corpus of synthetic syllables with emotional prosody (CC0)."""
    from magtfnet.corpora.synthetic import write_corpus
    from magtfnet.errors import StorageError

    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise StorageError(f"{root}: is there already; choose a new or empty folder")
    written = write_corpus(root, layout, speakers=speakers, sentences=sentences, takes=takes, seed=seed)
    show(f"{len(written)} recordings in {root}")
