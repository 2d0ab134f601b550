"""A protocol's runs as they come, on stderr: a line a run, a line an epoch."""

from magtfnet.cli.terminal import say
from magtfnet.experiments.training_run import TrainedRun
from magtfnet.experiments.trainings import Announce, Training
from magtfnet.experiments.workers import Workers
from magtfnet.progress import Progress
from magtfnet.training.epoch_loop import Epoch
from magtfnet.training.trainer import OnEpoch


class TerminalAnnounce(Announce):
    """Say who is trained, how each epoch went, and how it ended.

    Args:
        bar: told of features and batches.
    """

    def __init__(self, bar: Progress) -> None:
        self.bar = bar

    def progress(self, what: str, done: int, total: int) -> None:
        """Draw the bar."""
        self.bar(what, done, total)

    def workers(self, workers: Workers) -> None:
        """Say how many trainings run side by side."""
        say(
            f"{workers.processes} trainings side by side, {workers.threads} thread{'s' * (workers.threads > 1)} each"
        )

    def starting(self, training: Training, number: int, total: int) -> OnEpoch:
        """Say which training starts."""
        run = training.run
        say(f"run {number} of {total}, {training.config.model.name}, seed {run.seed}: {run.split.describe()}")
        name = _name(training) if total > 1 else ""
        return lambda row: say(f"{name}  {_epoch(row)}".strip())

    def finished(self, training: Training, run: TrainedRun) -> None:
        """Say how the training ended."""
        report = run.report
        say(
            f"{_name(training)}: test WA {100 * report.weighted_accuracy:.2f} %, "
            f"UA {100 * report.unweighted_accuracy:.2f} %"
        )


def _name(training: Training) -> str:
    return f"{training.config.model.name} {training.run.name}"


def _epoch(row: Epoch) -> str:
    return (
        f"epoch {row['epoch']:3.0f}  loss {row['train_loss']:.4f}  validation loss {row['validation_loss']:.4f}  "
        f"WA {100 * row['validation_WA']:6.2f} %  UA {100 * row['validation_UA']:6.2f} %  {row['seconds']:.1f} s"
    )
