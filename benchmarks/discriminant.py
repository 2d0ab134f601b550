"""Settings of ``fisher_discriminant`` on validation data: the second table of docs/accuracy.md.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.discriminant PROTOCOLS`` takes the training part of EmoBox's first fold
of each corpus, as ``benchmarks/accuracy.py`` does, divides it once into five inner folds, and scores a model of each
setting on every one of them by the package's own training. No test part is read. Some 20 minutes on one quiet core.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.inner import first_training_part, inner_folds, probabilities, scores
from benchmarks.pages import write_between
from magtfnet.config import load_config
from magtfnet.corpora import Corpus, Utterance
from magtfnet.experiments.training_run import DevelopmentParts, learn, part_data, prepare_training
from magtfnet.recognizer.bundle import build
from magtfnet.training.seeding import seeded

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.discriminant writes from here -->", "<!-- to here: discriminant -->"
INNER = 5
ONE_SPAN = ("model.spans=[4]", "model.num_features=40")
BEFORE = (*ONE_SPAN, "model.levelled=false")
"""What the recipe was when the settings below it in the table were chosen."""
ROWS: dict[str, tuple[str, ...]] = {
    "the recipe": (),
    "differences over one span": ONE_SPAN,
    "no levelled frames": ("model.levelled=false",),
    "neither: the recipe before": BEFORE,
    "before, Fisher vectors' share 0.3": (*BEFORE, "model.fisher_share=0.3"),
    "before, hardly any Fisher vectors (share 0.001)": (*BEFORE, "model.fisher_share=0.001"),
    "before, hardly any functionals (share 0.999)": (*BEFORE, "model.fisher_share=0.999"),
    "before, 16 components": (*BEFORE, "model.num_components=16"),
    "before, 64 components": (*BEFORE, "model.num_components=64"),
    "before, shrinkage 0.1": (*BEFORE, "model.shrinkage=0.1"),
    "before, shrinkage 0.4": (*BEFORE, "model.shrinkage=0.4"),
    "before, 300 directions": (*BEFORE, "model.num_directions=300"),
    "before, no copies": (*BEFORE, "training.copies=[]"),
}


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    titles = ("EMO-DB, speakers shared", "EMO-DB, speakers apart", "RAVDESS, speakers apart")
    lines = [f"| setting | {' | '.join(f'{title}, WA / UA' for title in titles)} |", "|---|---|---|---|"]
    for title, overrides in ROWS.items():
        cells = []
        for name, apart in (("emodb", False), ("emodb", True), ("ravdess", True)):
            corpus, part = first_training_part(name, protocol_files, corpora)
            cells.append("{:.1f} / {:.1f}".format(*inner_scores(corpus, part, apart, overrides)))
        lines.append(f"| {title} | {' | '.join(cells)} |")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def inner_scores(
    corpus: Corpus, part: Sequence[Utterance], apart: bool, overrides: Sequence[str]
) -> tuple[float, float]:
    """Return WA and UA in percent over all inner folds of a part, each told by a model of the others."""
    config = load_config(ROOT / "configs" / "accurate.toml", overrides)
    store = prepare_training(corpus, part, config)
    told = np.zeros((len(part), len(corpus.labels)))
    for learnt, held_out in inner_folds(corpus, part, apart):
        with seeded(0):
            model, standardizer = build(len(corpus.labels), config.audio, config.features, config.model)
        rest, asked = ([part[i] for i in indices] for indices in (learnt, held_out))
        parts = DevelopmentParts(store, rest, asked, corpus.labels)
        learn(model, standardizer, parts, config, seed=0, device=torch.device("cpu"))
        told[held_out] = probabilities(model, standardizer, part_data(store, asked, corpus.labels))
    return scores(corpus, part, told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
