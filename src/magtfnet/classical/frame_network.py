"""A network over single frames with their neighbours: what it makes of each frame is material for others.

Fully connected layers with ReLU and dropout learn the utterance's class, either from each of its frames (Han, Yu,
Tashev, Interspeech 2014) or from the mean of the last hidden layer over its frames, through which the classifier's
gradient reaches the layers (Wang and Tashev, ICASSP 2017). The validation part ends the training.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.classical.utterance_vectors import pieces
from magtfnet.config import Settings
from magtfnet.errors import DivergenceError
from magtfnet.training.batches import TrainingData
from magtfnet.training.seeding import seeded

CONSTANT = 1e-6
"""A feature that varies less in training is only centred: dividing would blow up what tells nothing."""
BATCH = {"frames": 512, "utterances": 16}


class FrameNetworkConfig(Settings):
    """Layers and training; a frame is seen with ``context`` frames on either side."""

    learns_from: Literal["frames", "utterances"] = "frames"
    context: int = Field(12, ge=0)
    step: int = Field(4, ge=1)  # every so many frames one is learnt from; neighbours say nearly the same
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256, 128), min_length=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    learning_rate: float = Field(1e-3, gt=0)
    epochs: int = Field(15, ge=1)
    patience: int = Field(4, ge=1)


class FrameNetwork:
    """Learns from frames, and gives the last hidden layer and the class probabilities of each frame.

    Args:
        config: layers and training.
    """

    def __init__(self, config: FrameNetworkConfig) -> None:
        self.config = config

    def fit(self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int) -> None:
        """Learn; standardisation is that of the training part's frames.

        Raises:
            DivergenceError: no epoch had a validation loss that is a number.
        """
        self._standardise(training)
        learnt, held_out = self._examples(training), self._examples(validation)
        with seeded(seed):
            self._build(learnt.width, num_classes)
            optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)
            best, since, kept = float("inf"), 0, self._weights()
            for _ in range(self.config.epochs):
                self.network.train()
                for indices in torch.split(torch.randperm(len(learnt.targets)), self._batch):
                    loss = functional.cross_entropy(self._logits(learnt, indices), learnt.targets[indices])
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                score = self._loss(held_out)
                since = 0 if score < best else since + 1
                if score < best:
                    best, kept = score, self._weights()
                if since == self.config.patience:
                    break
        if not math.isfinite(best):
            raise DivergenceError(
                f"the validation loss of the network over frames was no number in any epoch; "
                f"lower model.learning_rate ({self.config.learning_rate})"
            )
        self.network.load_state_dict(kept)
        self.network.eval()

    @property
    def num_parameters(self) -> int:
        """Of the network."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @torch.no_grad()
    def outputs(self, data: TrainingData) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield of each utterance its index, the hidden layer (T, H) and the probabilities (T, K) of its frames."""
        for indices, frames, lengths in pieces(data):
            for index, utterance, length in zip(indices, frames, lengths.tolist(), strict=True):
                standard = self._standard(utterance[:length])
                hidden = self.hidden(standard[self._neighbours(length)].flatten(1))
                yield index, hidden, cast("Tensor", self.last(hidden)).softmax(dim=-1)

    def _build(self, inputs: int, num_classes: int) -> None:
        widths = (inputs, *self.config.layers)
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(self.config.dropout)]
        self.hidden = nn.Sequential(*parts)
        self.last = nn.Linear(widths[-1], num_classes)
        self.network = nn.Sequential(self.hidden, self.last)

    @property
    def _batch(self) -> int:
        return BATCH[self.config.learns_from]

    def _logits(self, examples: "Examples", indices: Tensor) -> Tensor:
        """Return what is said of some examples, (B, K)."""
        windows, counts = examples.windows(indices)
        pooled = torch.segment_reduce(self.hidden(windows), "mean", lengths=counts)
        logits: Tensor = self.last(pooled)
        return logits

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    @torch.no_grad()
    def _loss(self, examples: "Examples") -> float:
        self.network.eval()
        total = 0.0
        for indices in torch.split(torch.arange(len(examples.targets)), self._batch):
            logits = self._logits(examples, indices)
            total += float(functional.cross_entropy(logits, examples.targets[indices], reduction="sum"))
        return total / len(examples.targets)

    def _standardise(self, data: TrainingData) -> None:
        real = torch.cat([f[i, :n] for _, f, lengths in pieces(data) for i, n in enumerate(lengths.tolist())])
        self.mean, spread = real.mean(dim=0), real.std(dim=0)
        self.deviation = torch.where(spread > CONSTANT, spread, 1.0)

    def _standard(self, frames: Tensor) -> Tensor:
        return (frames - self.mean) / self.deviation

    def _neighbours(self, length: int) -> Tensor:
        """Return the places of each frame's neighbours, (T, 2 * context + 1); an utterance's ends go on."""
        steps = torch.arange(-self.config.context, self.config.context + 1)
        return (torch.arange(length).unsqueeze(1) + steps).clamp(0, length - 1)

    def _examples(self, data: TrainingData) -> "Examples":
        """Return some frames of every utterance with their neighbours, alone or together, and their classes."""
        flat, places, counts, targets, first = [], [], [], [], 0
        for indices, frames, lengths in pieces(data):
            for index, utterance, length in zip(indices, frames, lengths.tolist(), strict=True):
                chosen = self._neighbours(length)[min(self.config.step // 2, length - 1) :: self.config.step]
                flat.append(self._standard(utterance[:length]))
                places.append(first + chosen)
                together = [len(chosen)] if self.config.learns_from == "utterances" else [1] * len(chosen)
                counts += together
                targets.append(data.targets[index].expand(len(together)))
                first += length
        return Examples(torch.cat(flat), torch.cat(places), torch.tensor(counts), torch.cat(targets))


@dataclass(frozen=True)
class Examples:
    """Frames to learn from, one or several an example; their windows, 25 times as large, are made batch by batch.

    Args:
        frames: all frames of all utterances, (S, F).
        places: of each frame that is learnt from and of its neighbours among these, (R, 2 * context + 1).
        counts: how many rows of ``places`` are of each example, one after another, (N,).
        targets: the class of each example, (N,).
    """

    frames: Tensor
    places: Tensor
    counts: Tensor
    targets: Tensor

    @property
    def width(self) -> int:
        """The numbers of a window."""
        return self.places.shape[1] * self.frames.shape[1]

    def windows(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the windows of some examples, (R, width), and how many are of each, (B,)."""
        counts = self.counts[indices]
        firsts = (self.counts.cumsum(0) - self.counts)[indices]
        rows = torch.arange(int(counts.sum())) + (firsts - counts.cumsum(0) + counts).repeat_interleave(
            counts
        )
        return self.frames[self.places[rows]].flatten(1), counts
