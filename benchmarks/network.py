"""MAGTF-Net's network with the extended functionals, and several models together: the third table of docs/accuracy.md.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.network PROTOCOLS`` takes the training part of EmoBox's first EMO-DB
fold and the five inner folds of ``benchmarks/discriminant.py``. A network has the paper's 50 epochs, copies as
augmentation and bfloat16 products; its last weights count, so that nothing chooses an epoch. No test part is read.
Two and a quarter hours of one core.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from benchmarks.inner import Floats, first_training_part, inner_probabilities, scores
from benchmarks.pages import write_between
from magtfnet.config import load_config

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.network writes from here -->", "<!-- to here: network -->"
COPIES = 'training.copies=["slower","faster","noise"]'
MEMBERS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "extended": ("paper.toml", (COPIES, "training.precision='bf16'", "features.functionals='extended'"), 0),
    "paper": ("paper.toml", (COPIES, "training.precision='bf16'"), 0),
    "recipe": ("accurate.toml", (), 0),
    "recipe, second seed": ("accurate.toml", (), 1),
    "recipe, third seed": ("accurate.toml", (), 2),
}
"""A configuration, what is set besides, and the seed; those that take longest first."""
ROWS: dict[str, Sequence[str]] = {
    "the recipe": ("recipe",),
    "the recipe, mean of three seeds' probabilities": ("recipe", "recipe, second seed", "recipe, third seed"),
    "MAGTF-Net, the paper's 24 functionals": ("paper",),
    "MAGTF-Net, extended functionals": ("extended",),
    "the recipe and the last, mean of both probabilities": ("recipe", "extended"),
}


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    asked = list(product(MEMBERS, (False, True)))
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        cells = pool.map(
            told_by, *zip(*asked, strict=True), *([each] * len(asked) for each in (protocol_files, corpora))
        )
        told = dict(zip(asked, cells, strict=True))
    corpus, part = first_training_part("emodb", protocol_files, corpora)
    lines = [
        "| models | EMO-DB, speakers shared, WA / UA | EMO-DB, speakers apart, WA / UA |",
        "|---|---|---|",
    ]
    for title, members in ROWS.items():
        means = (np.mean([told[member, apart] for member in members], axis=0) for apart in (False, True))
        found = ("{:.1f} / {:.1f}".format(*scores(corpus, part, mean)) for mean in means)
        lines.append(f"| {title} | {' | '.join(found)} |")
        sys.stdout.write(lines[-1] + "\n")
    write_between(PAGE, BEGIN, END, lines)


def told_by(member: str, apart: bool, protocol_files: Path, corpora: Path) -> Floats:
    """Return the probabilities (N, K) that a member tells of every utterance of the training part."""
    file, overrides, seed = MEMBERS[member]
    corpus, part = first_training_part("emodb", protocol_files, corpora)
    return inner_probabilities(corpus, part, load_config(ROOT / "configs" / file, overrides), apart, seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
