"""Settings of ``fisher_discriminant`` on validation data: the second table of docs/accuracy.md.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.discriminant PROTOCOLS`` takes the training part of EmoBox's first fold
of each corpus, as ``benchmarks/accuracy.py`` does, divides it once into five inner folds, and scores a model of each
setting on every one of them by the package's own training. No test part is read. Some 45 minutes on one quiet core.
"""

import os
import sys
from pathlib import Path

from benchmarks.inner import first_training_part, inner_probabilities, scores
from benchmarks.pages import write_between
from magtfnet.config import load_config

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.discriminant writes from here -->", "<!-- to here: discriminant -->"
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
    parts = {name: first_training_part(name, protocol_files, corpora) for name in ("emodb", "ravdess")}
    for title, overrides in ROWS.items():
        config = load_config(ROOT / "configs" / "accurate.toml", overrides)
        cells = []
        for name, apart in (("emodb", False), ("emodb", True), ("ravdess", True)):
            corpus, part = parts[name]
            told = inner_probabilities(corpus, part, config, apart)
            cells.append("{:.1f} / {:.1f}".format(*scores(corpus, part, told)))
        lines.append(f"| {title} | {' | '.join(cells)} |")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
