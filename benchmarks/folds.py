"""Ten folds of EMO-DB with the paper's recipe: too long for ``make bench``, so what a run recorded is read."""

import csv
import json
from pathlib import Path

from benchmarks.rows import Row, missing

RECORDED = Path(__file__).parent.parent / "docs" / "results" / "emodb_ten_folds_bf16"
WHAT = "ten folds of EMO-DB, 50 epochs, patience 25, side by side"


def rows() -> list[Row]:
    """Return the row of the recorded run."""
    if not RECORDED.exists():
        return [missing(WHAT, "≤ 25 min on 2 cores", "not recorded")]
    cost = json.loads((RECORDED / "cost.json").read_text(encoding="utf-8"))
    epochs = sum(len(list(csv.DictReader(file.open()))) for file in RECORDED.glob("history_*.csv"))
    return [
        Row(
            WHAT,
            f"{cost['wall_minutes']:.1f} min",
            "≤ 25 min on 2 cores",
            cost["wall_minutes"] <= 25,
            f"{epochs} epochs in all, {cost['cpu_minutes']:.1f} min CPU; recorded, not run by `make bench`: "
            f"`{cost['command']}`",
        )
    ]
