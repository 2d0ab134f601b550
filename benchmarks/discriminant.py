"""Settings of ``fisher_discriminant`` on validation data: the second table of docs/accuracy.md.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.discriminant PROTOCOLS`` takes the training part of EmoBox's first fold
of each corpus, as ``benchmarks/accuracy.py`` does, divides it once into five inner folds, and scores a model of each
setting on every one of them by the package's own training. No test part is read. Some 20 minutes on two quiet cores.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.inner import first_training_part, inner_probabilities, scores
from benchmarks.pages import write_between
from magtfnet.config import load_config

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.discriminant writes from here -->", "<!-- to here: discriminant -->"
COLUMNS = {
    "EMO-DB, speakers shared": ("emodb", False),
    "EMO-DB, speakers apart": ("emodb", True),
    "RAVDESS, speakers apart": ("ravdess", True),
}
"""A corpus, and whether its inner folds are of whole speakers."""
HARDLY_ANY_CONVOLUTIONS = ("model.convolutions_share=0.001", "model.fisher_share=0.5")
NO_DESCRIPTORS = ('model.streams=["cepstra", "levelled"]',)
ROWS: dict[str, tuple[str, ...]] = {
    "the recipe": (),
    "hardly any convolutions (share 0.001)": HARDLY_ANY_CONVOLUTIONS,
    "no Fisher vector of descriptors": NO_DESCRIPTORS,
    "neither: the recipe before": (*NO_DESCRIPTORS, *HARDLY_ANY_CONVOLUTIONS),
}


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    lines = [f"| setting | {' | '.join(f'{title}, WA / UA' for title in COLUMNS)} |", "|---|---|---|---|"]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        asked = [
            (overrides, *column, protocol_files, corpora)
            for overrides, column in product(ROWS.values(), COLUMNS.values())
        ]
        cells = pool.map(cell, *zip(*asked, strict=True))
        for title in ROWS:
            lines.append(f"| {title} | {' | '.join(next(cells) for _ in COLUMNS)} |")
            sys.stdout.write(lines[-1] + "\n")
            sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def cell(overrides: tuple[str, ...], name: str, apart: bool, protocol_files: Path, corpora: Path) -> str:
    """Return WA and UA of a setting on the inner folds of one corpus."""
    config = load_config(ROOT / "configs" / "accurate.toml", overrides)
    corpus, part = first_training_part(name, protocol_files, corpora)
    told = inner_probabilities(corpus, part, config, apart)
    return "{:.1f} / {:.1f}".format(*scores(corpus, part, told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
