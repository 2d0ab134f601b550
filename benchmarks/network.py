"""MAGTF-Net's own network with the extended functionals, and beside the recipe: the third table of docs/accuracy.md.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.network PROTOCOLS`` takes the training part of EmoBox's first EMO-DB
fold and the five inner folds of ``benchmarks/discriminant.py``. A network has the paper's 50 epochs, copies as
augmentation and bfloat16 products; its last weights count, so that nothing chooses an epoch. No test part is read.
Some 80 minutes on one core.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.inner import Floats, first_training_part, inner_probabilities, scores
from benchmarks.pages import write_between
from magtfnet.config import load_config

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.network writes from here -->", "<!-- to here: network -->"
COPIES = 'training.copies=["slower","faster","noise"]'
MEMBERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "recipe": ("accurate.toml", ()),
    "paper": ("paper.toml", (COPIES, "training.precision='bf16'")),
    "extended": ("paper.toml", (COPIES, "training.precision='bf16'", "features.functionals='extended'")),
}
ROWS: dict[str, Sequence[str]] = {
    "the recipe": ("recipe",),
    "MAGTF-Net, the paper's 24 functionals": ("paper",),
    "MAGTF-Net, extended functionals": ("extended",),
    "the recipe and the last, mean of both probabilities": ("recipe", "extended"),
}


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    lines = [
        "| models | EMO-DB, speakers shared, WA / UA | EMO-DB, speakers apart, WA / UA |",
        "|---|---|---|",
    ]
    corpus, part = first_training_part("emodb", protocol_files, corpora)

    @cache
    def told_by(member: str, apart: bool) -> Floats:
        file, overrides = MEMBERS[member]
        config = load_config(ROOT / "configs" / file, overrides)
        return inner_probabilities(corpus, part, config, apart)

    for title, members in ROWS.items():
        cells = []
        for apart in (False, True):
            told = np.mean([told_by(member, apart) for member in members], axis=0)
            cells.append("{:.1f} / {:.1f}".format(*scores(corpus, part, told)))
        lines.append(f"| {title} | {' | '.join(cells)} |")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
