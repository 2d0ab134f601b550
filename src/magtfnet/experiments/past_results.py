"""The results of a protocol that was run before: its scores, and the epochs that validation chose.

Read from a run directory, or from what ``docs/results/`` keeps of one.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magtfnet.config import ExperimentConfig, load_config
from magtfnet.errors import ConfigError, RunDirectoryError
from magtfnet.evaluation import AggregateReport, EvaluationReport
from magtfnet.evaluation.calibration import before_temperature
from magtfnet.experiments.run_directory import read_rows


@dataclass(frozen=True)
class PastResults:
    """A protocol that came to its end.

    Args:
        config: the experiment.
        utterances: of the corpus, as it was read for it.
        reports: by the run's name.
        best_epochs: of each run, by validation WA and then loss, as the trainer chooses.
        temperatures: what the logits were divided by, by the run's name, where the model was solved for with one.
    """

    config: ExperimentConfig
    utterances: int
    reports: AggregateReport
    best_epochs: tuple[int, ...]
    temperatures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "PastResults":
        """Read the configuration, predictions and histories of a folder.

        Raises:
            RunDirectoryError: one of them is missing or damaged.
        """
        try:
            config = load_config(folder / "config.toml")
            facts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
            utterances = int(facts["utterances"])
            together = AggregateReport.from_predictions([folder / "predictions.csv"])
            reports = together.runs
            histories = {_run_of(path): read_rows(path) for path in _histories(folder)}
            if not reports or len(histories) != len(reports):
                raise ValueError(f"{len(reports)} runs with {len(histories)} histories")
            if len(reports) == 1:  # its folder may have any name
                histories = dict(zip(reports, histories.values(), strict=True))
            epochs = [_best(history) for history in histories.values()]
            temperatures = {
                name: rows[0]["temperature"] for name, rows in histories.items() if "temperature" in rows[0]
            }
            if temperatures and set(temperatures) != set(reports):
                raise ValueError("temperatures of other runs than the predictions")
        except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(
                f"{folder}: no finished results ({error}); name a run directory"
            ) from error
        return cls(config, utterances, together, tuple(epochs), temperatures)

    @property
    def protocol(self) -> str:
        """The protocol's name, with that of the file or folder that its folds come from."""
        protocol = self.config.protocol
        return protocol.name if protocol.file is None else f"{protocol.name} {Path(protocol.file).name}"

    @property
    def before_temperature(self) -> EvaluationReport | None:
        """All predictions as they were before the temperature, where each run has one."""
        runs = self.reports.runs
        if set(self.temperatures) != set(runs):
            return None
        return EvaluationReport.pooled(
            [before_temperature(run, self.temperatures[name]) for name, run in runs.items()]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain data for a bundle."""
        pooled = self.reports.pooled
        return {
            "protocol": self.protocol,
            "runs": len(self.reports.runs),
            "predictions": len(pooled.rows),
            "WA": pooled.weighted_accuracy,
            "UA": pooled.unweighted_accuracy,
            "WA_standard_deviation": self.reports.weighted_accuracy.deviation,
            "UA_standard_deviation": self.reports.unweighted_accuracy.deviation,
            "intervals_95": {name: list(interval) for name, interval in pooled.intervals.items()},
            "recall": {name: float(pooled.per_class.recall[k]) for k, name in enumerate(pooled.classes)},
        }


def fixed_epochs(results: Sequence[PastResults]) -> int:
    """Return how many epochs a training without validation takes: the median of the epochs that validation chose."""
    return round(statistics.median(epoch for result in results for epoch in result.best_epochs))


def _histories(folder: Path) -> list[Path]:
    return sorted(folder.glob("history*.csv")) or sorted(folder.glob("*/history.csv"))


def _run_of(history: Path) -> str:
    """Return the name of a history's run: of its folder, or its own where several lie together."""
    return history.parent.name if history.stem == "history" else history.stem


def _best(rows: Iterable[dict[str, float]]) -> int:
    """Return the epoch of the best validation WA, of equals that of the least loss where there is one."""
    return int(max(rows, key=lambda row: (row["validation_WA"], -row.get("validation_loss", 0.0)))["epoch"])
