"""One epoch: every training utterance once, with steps; or every validation utterance once, without."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from magtfnet.config import TrainingConfig
from magtfnet.errors import DivergenceError
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.features import Standardizer
from magtfnet.models import Model
from magtfnet.progress import Progress, silent
from magtfnet.training.batches import TrainingData, plan_batches
from magtfnet.training.seeding import derived_seed, seeded
from magtfnet.training.steps import Step

Epoch = dict[str, float]
"""The row of an epoch: its number, losses (nats), validation WA and UA (shares), seconds."""


@dataclass(frozen=True)
class EpochLoop:
    """What stays the same from epoch to epoch.

    Args:
        model: on ``device``.
        standardizer: fitted on the training part, on ``device``.
        config: the recipe.
        device: where it runs.
        progress: told each training batch.
    """

    model: Model
    standardizer: Standardizer
    config: TrainingConfig
    device: torch.device
    progress: Progress = silent

    def train(self, step: Step, count: int, *, seed: int, epoch: int, before: Epoch | None) -> float:
        """Take a step for each batch; return the mean loss over the utterances.

        Args:
            step: learns from a batch of the training part.
            count: utterances of the training part.
            seed: with ``epoch``, decides order and dropout.
            epoch: its number, from 1.
            before: the row of the epoch before it, shown beside the progress.

        Raises:
            DivergenceError: the loss is no longer a number.
        """
        self.model.train()
        scores = "" if before is None else _scores(before)
        kind = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no more digits
        total, seen, mean = torch.zeros((), device=self.device, dtype=kind), 0, ""
        batches = plan_batches(count, self.config.batch_size, derived_seed(seed, epoch))
        with seeded(seed, epoch):
            for done, indices in enumerate(batches, start=1):
                total += step(indices) * len(indices)
                seen += len(indices)
                if self.device.type == "cpu" or done == len(batches):  # elsewhere asking for it means waiting
                    value = total.item() / seen
                    self._refuse_no_number(value, "loss", epoch)
                    mean = f"  loss {value:.3f}"
                self.progress(f"epoch {epoch}/{self.config.epochs}{mean}{scores}", done, len(batches))
        return total.item() / count

    @torch.inference_mode()
    def evaluate(self, data: TrainingData, epoch: int) -> Epoch:
        """Return validation loss, WA and UA of the model as it stands, in float32 whatever it is trained in.

        Raises:
            DivergenceError: the loss is no longer a number.
        """
        self.model.eval()
        total, truth, predicted = 0.0, [], []
        for piece in data.in_order():
            for start in range(0, len(piece), self.config.batch_size):
                logits, targets = self._forward(data, piece[start : start + self.config.batch_size])
                loss = functional.cross_entropy(
                    logits, targets, label_smoothing=self.config.label_smoothing, reduction="sum"
                )
                total += loss.item()
                truth += targets.tolist()
                predicted += logits.argmax(dim=-1).tolist()
        self._refuse_no_number(total, "validation loss", epoch)
        confusion = confusion_matrix(truth, predicted, logits.shape[-1])
        return {
            "validation_loss": total / len(data),
            "validation_WA": weighted_accuracy(confusion),
            "validation_UA": unweighted_accuracy(confusion),
        }

    def _forward(self, data: TrainingData, indices: list[int]) -> tuple[Tensor, Tensor]:
        """Return logits (B, K) and classes (B,) of some utterances."""
        features, targets = data.batch(indices)
        standardized = self.standardizer(features.to(self.device))
        return self.model(**standardized.inputs(self.model.inputs)), targets.to(self.device)

    def _refuse_no_number(self, value: float, what: str, epoch: int) -> None:
        if not math.isfinite(value):
            rate = self.config.learning_rate
            raise DivergenceError(
                f"the {what} became {value} in epoch {epoch}; lower training.learning_rate ({rate})"
            )


def _scores(row: Epoch) -> str:
    return f"  validation WA {100 * row['validation_WA']:.1f} %  UA {100 * row['validation_UA']:.1f} %"
