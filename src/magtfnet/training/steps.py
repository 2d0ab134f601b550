"""One optimiser step: forward, loss, backward, update; on a GPU captured once a shape and replayed.

A step of MAGTF-Net launches some hundred small kernels, and on a GPU launching them takes longer than running
them. So the whole step is recorded as a CUDA graph the second time that a shape occurs, and a replay launches
once. The first time a shape occurs the step runs as it is, which also gives the optimiser its state.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, optim
from torch.nn import functional

from magtfnet.config import TrainingConfig
from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.models import Model
from magtfnet.training.batches import TrainingData
from magtfnet.training.resident import ResidentData

SHARE_OF_MEMORY = 0.25
"""Of the device's free memory that the training part may take; a larger one is read batch by batch."""


@dataclass(frozen=True)
class Learner:
    """A model that learns from batches.

    Args:
        model: on the device of the batches, in training mode.
        optimizer: of its parameters.
        config: the recipe.
    """

    model: Model
    optimizer: optim.Optimizer
    config: TrainingConfig

    def learn(self, standardized: FeatureBatch, targets: Tensor) -> Tensor:
        """Take one step; return the mean loss over the batch before it."""
        use_bfloat16 = self.config.precision == "bf16"
        with torch.autocast(targets.device.type, torch.bfloat16, enabled=use_bfloat16):
            logits = self.model(**standardized.inputs(self.model.inputs))
        loss = functional.cross_entropy(logits, targets, label_smoothing=self.config.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.optimizer.step()
        return loss.detach()


class Step(Protocol):
    """Learns from the utterances of one batch."""

    def __call__(self, indices: Sequence[int]) -> Tensor:
        """Take one step; return the mean loss, on the device."""


@dataclass(frozen=True)
class PlainStep:
    """Read each batch from the store, then learn.

    Args:
        learner: whose model lies on ``device``.
        data: the training part.
        standardizer: fitted, on ``device``.
        device: where it runs.
    """

    learner: Learner
    data: TrainingData
    standardizer: Standardizer
    device: torch.device

    def __call__(self, indices: Sequence[int]) -> Tensor:
        """See ``Step``."""
        features, targets = self.data.drawn(indices)
        return self.learner.learn(self.standardizer(features.to(self.device)), targets.to(self.device))


class CapturedStep:
    """Replay a recording of the step, one a shape; only indices travel to the device.

    Args:
        learner: whose model and optimiser (capturable) lie on a CUDA device.
        data: the training part, there as well.
    """

    def __init__(self, learner: Learner, data: ResidentData) -> None:
        self.learner = learner
        self.data = data
        self.graphs: dict[tuple[int, int], _Recording | None] = {}

    def __call__(self, indices: Sequence[int]) -> Tensor:
        """See ``Step``."""
        num_frames = self.data.frames_for(indices)
        shape = (len(indices), num_frames)
        numbers = torch.tensor(indices)
        if shape not in self.graphs:
            self.graphs[shape] = None
            with warnings.catch_warnings():  # torch wonders why a capturable optimiser steps without a graph
                warnings.filterwarnings("ignore", message=".*capturable")
                return self._learn(numbers.to(self.data.device), num_frames)
        recording = self.graphs[shape]
        if recording is None:
            recording = self.graphs[shape] = self._record(numbers, num_frames)
        recording.indices.copy_(numbers, non_blocking=True)
        recording.graph.replay()
        return recording.loss.clone()

    def _learn(self, indices: Tensor, num_frames: int) -> Tensor:
        return self.learner.learn(*self.data.batch(indices, num_frames))

    def _record(self, indices: Tensor, num_frames: int) -> "_Recording":
        graph = torch.cuda.CUDAGraph()
        inputs = indices.to(self.data.device)
        self.learner.optimizer.zero_grad(set_to_none=True)  # gradients must come from the graph's own memory
        with torch.cuda.graph(graph):
            loss = self._learn(inputs, num_frames)
        return _Recording(graph, inputs, loss)


@dataclass(frozen=True)
class _Recording:
    graph: "torch.cuda.CUDAGraph"
    indices: Tensor
    loss: Tensor


def can_be_recorded(model: Model, data: TrainingData, device: torch.device) -> bool:
    """Return whether steps on a device can be recorded: the training part fits there, and no copies are drawn."""
    if device.type != "cuda" or not model.static_shapes or len(data.changes) > 1:
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return data.num_bytes(model.inputs) < SHARE_OF_MEMORY * free
