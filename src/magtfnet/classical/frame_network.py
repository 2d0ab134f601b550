"""A network over single frames with their neighbours: what it makes of each frame is material for others.

Fully connected layers with ReLU and dropout learn the utterance's class from each of its frames; frames of the
validation part end the training.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.classical.utterance_vectors import pieces
from magtfnet.config import Settings
from magtfnet.training.batches import TrainingData
from magtfnet.training.seeding import seeded

BATCH = 512


class FrameNetworkConfig(Settings):
    """Layers and training; a frame is seen with ``context`` frames on either side."""

    context: int = Field(12, ge=0)
    step: int = Field(4, ge=1)  # every so many frames one is learnt from; neighbours say nearly the same
    layers: tuple[int, ...] = Field((256, 256, 128), min_length=1)
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
        """Learn; standardisation is that of the training part's frames."""
        self._standardise(training)
        frames, targets = self._examples(training)
        held_out, held_out_targets = self._examples(validation)
        with seeded(seed):
            self._build(frames.shape[1], num_classes)
            optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)
            best, since, kept = float("inf"), 0, self._weights()
            for _ in range(self.config.epochs):
                self.network.train()
                for indices in torch.split(torch.randperm(len(frames)), BATCH):
                    loss = functional.cross_entropy(self.network(frames[indices]), targets[indices])
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                score = self._loss(held_out, held_out_targets)
                since = 0 if score < best else since + 1
                if score < best:
                    best, kept = score, self._weights()
                if since == self.config.patience:
                    break
        self.network.load_state_dict(kept)
        self.network.eval()

    @property
    def num_parameters(self) -> int:
        """Of the network."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @torch.no_grad()
    def outputs(self, data: TrainingData) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Yield indices, hidden layer (B, T, H), probabilities (B, T, K) and lengths (B,), a piece at a time."""
        for indices, frames, lengths in pieces(data):
            hidden = self.hidden(self._windows(frames, lengths))
            yield indices, hidden, cast("Tensor", self.last(hidden)).softmax(dim=-1), lengths

    def _build(self, inputs: int, num_classes: int) -> None:
        widths = (inputs, *self.config.layers)
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(self.config.dropout)]
        self.hidden = nn.Sequential(*parts)
        self.last = nn.Linear(widths[-1], num_classes)
        self.network = nn.Sequential(self.hidden, self.last)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    @torch.no_grad()
    def _loss(self, frames: Tensor, targets: Tensor) -> float:
        self.network.eval()
        return float(functional.cross_entropy(self.network(frames), targets))

    def _standardise(self, data: TrainingData) -> None:
        real = torch.cat([f[i, :n] for _, f, lengths in pieces(data) for i, n in enumerate(lengths.tolist())])
        self.mean, self.deviation = real.mean(dim=0), real.std(dim=0).clamp(min=1e-6)

    def _windows(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return each frame with its neighbours, (B, T, (2 * context + 1) * F); an utterance's ends go on."""
        places = torch.arange(frames.shape[1])
        standard = (frames - self.mean) / self.deviation
        around = []
        for step in range(-self.config.context, self.config.context + 1):
            source = torch.minimum((places + step).clamp(min=0).unsqueeze(0), (lengths - 1).unsqueeze(1))
            around.append(standard.gather(1, source.unsqueeze(-1).expand_as(standard)))
        return torch.cat(around, dim=-1)

    def _examples(self, data: TrainingData) -> tuple[Tensor, Tensor]:
        """Return windows (S, features) of some frames of every utterance and their classes (S,)."""
        windows, targets = [], []
        for indices, frames, lengths in pieces(data):
            for row, (index, length) in enumerate(zip(indices, lengths.tolist(), strict=True)):
                alone = self._windows(frames[row : row + 1, :length], lengths[row : row + 1])[0]
                chosen = alone[self.config.step // 2 :: self.config.step]
                chosen = chosen if len(chosen) else alone[:1]
                windows.append(chosen)
                targets.append(data.targets[index].expand(len(chosen)))
        return torch.cat(windows), torch.cat(targets)
