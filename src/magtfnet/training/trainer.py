"""The trainer: epochs over batches, the best epoch by validation, a checkpoint after each.

Everything random in an epoch derives from the seed and the epoch's number, so that a training that was
stopped and goes on from its checkpoint ends with the same weights to the bit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim

from magtfnet.config import TrainingConfig
from magtfnet.errors import RunDirectoryError
from magtfnet.features import Standardizer
from magtfnet.models import Model
from magtfnet.models.fisher_discriminant import FisherDiscriminant
from magtfnet.progress import Progress, silent
from magtfnet.training.batches import TrainingData
from magtfnet.training.checkpoint import DAMAGED, load_checkpoint, save_checkpoint
from magtfnet.training.epoch_loop import Epoch, EpochLoop
from magtfnet.training.kept_memory import kept_memory
from magtfnet.training.optimizers import make_optimizer, restore
from magtfnet.training.resident import ResidentData
from magtfnet.training.steps import CapturedStep, Learner, PlainStep, Step, can_be_recorded

OnEpoch = Callable[[Epoch], None]


@dataclass
class FitResult:
    """What a training came to.

    Args:
        history: a row per epoch: losses, validation WA and UA, seconds.
        best_epoch: the epoch whose weights the model holds, from 1.
        best_score: its validation WA and negative loss, which decides between epochs of equal WA.
        best_weights: those weights.
    """

    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_score: tuple[float, float] = (-1.0, -math.inf)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def take(self, row: Epoch, model: Model) -> None:
        """Record an epoch, and its weights where it is the best so far; without validation the last is."""
        self.history.append(row)
        validated = "validation_WA" in row
        score = (row["validation_WA"], -row["validation_loss"]) if validated else self.best_score
        if not validated or score > self.best_score:
            self.best_epoch, self.best_score = int(row["epoch"]), score
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in model.state_dict().items()
            }

    def epochs_without_gain(self) -> int:
        """Return how many epochs have passed since validation WA last rose."""
        accuracies = [row["validation_WA"] for row in self.history if "validation_WA" in row]
        return len(accuracies) - 1 - accuracies.index(max(accuracies)) if accuracies else 0


def fit(
    model: Model,
    standardizer: Standardizer,
    training: TrainingData,
    validation: TrainingData | None,
    config: TrainingConfig,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch = lambda row: None,
    progress: Progress = silent,
) -> FitResult:
    """Train a model; on return it holds the weights of the best epoch by validation WA.

    A model that is solved for has no epochs: its history is one row, the device is the CPU, and nothing is written.

    Args:
        model: fresh, or anything where ``checkpoint`` exists, which then decides.
        standardizer: fitted on the training part.
        training: what is learnt from.
        validation: what chooses the epoch and ends the training; without it all epochs are run and the last is kept.
        config: the recipe.
        seed: decides order and dropout.
        device: where it runs.
        checkpoint: written after every epoch, read first where it exists.
        on_epoch: told each epoch's row.
        progress: told each batch.

    Raises:
        DivergenceError: the loss is no longer a number.
        RunDirectoryError: the checkpoint is damaged.
        TypeError: a model that is to be solved for, of a kind that nothing here solves for.
    """
    if isinstance(model, FisherDiscriminant):
        return _solved(model, standardizer, training, validation, config, seed, on_epoch, progress)
    if model.solved:  # epochs would train it, and its card would call it a closed form
        raise TypeError(f"{type(model).__name__} is to be solved for, and nothing here knows how")
    model.to(device)
    standardizer.to(device)
    recorded = can_be_recorded(model, training, device)
    optimizer = make_optimizer(model, config, device, recorded=recorded)
    result = FitResult()
    if checkpoint is not None and checkpoint.exists():
        result = _resume(checkpoint, model, optimizer)
    learner = Learner(model, optimizer, config)
    step: Step = PlainStep(learner, training, standardizer, device)
    if recorded:
        step = CapturedStep(learner, ResidentData(training, standardizer, device, model.inputs))
    loop = EpochLoop(model, standardizer, config, device, progress)
    with kept_memory():
        while len(result.history) < config.epochs and result.epochs_without_gain() < config.patience:
            epoch, start = len(result.history) + 1, time.perf_counter()
            before = result.history[-1] if result.history and validation is not None else None
            loss = loop.train(step, len(training), seed=seed, epoch=epoch, before=before)
            row = {"epoch": epoch, "train_loss": loss}
            if validation is not None:
                row |= loop.evaluate(validation, epoch)
            result.take(row | {"seconds": time.perf_counter() - start}, model)
            if checkpoint is not None:
                save_checkpoint(checkpoint, _state(result, model, optimizer))
            on_epoch(result.history[-1])
    model.load_state_dict(result.best_weights)
    model.to("cpu").eval()
    standardizer.to("cpu")
    return result


def _solved(
    model: FisherDiscriminant,
    standardizer: Standardizer,
    training: TrainingData,
    validation: TrainingData | None,
    config: TrainingConfig,
    seed: int,
    on_epoch: OnEpoch,
    progress: Progress,
) -> FitResult:
    """Solve for a model that has no epochs; its history is one row."""
    from magtfnet.training.fisher_discriminant import solve  # loads scikit-learn, which epochs do not need

    start, result = time.perf_counter(), FitResult()
    divisor = solve(model, standardizer, training, seed=seed, progress=progress)
    loop = EpochLoop(model.eval(), standardizer, config, torch.device("cpu"))
    row = {"epoch": 1, "train_loss": loop.evaluate(training, 1)["validation_loss"]}
    if validation is not None:
        row |= loop.evaluate(validation, 1)
    result.take(row | {"temperature": divisor, "seconds": time.perf_counter() - start}, model)
    on_epoch(result.history[-1])
    return result


def _state(result: FitResult, model: nn.Module, optimizer: optim.Optimizer) -> dict[str, Any]:
    return {
        "history": result.history,
        "best_epoch": result.best_epoch,
        "best_score": list(result.best_score),
        "best_weights": result.best_weights,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def _resume(checkpoint: Path, model: nn.Module, optimizer: optim.Optimizer) -> FitResult:
    state = load_checkpoint(checkpoint)
    try:
        model.load_state_dict(state["model"])
        restore(optimizer, state["optimizer"])
        wa, negative_loss = state["best_score"]
        return FitResult(state["history"], state["best_epoch"], (wa, negative_loss), state["best_weights"])
    except torch.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunDirectoryError(f"{checkpoint}: {DAMAGED}") from error
