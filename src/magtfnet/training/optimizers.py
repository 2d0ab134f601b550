"""The optimisers of the configuration."""

import torch
from torch import nn, optim

from magtfnet.config import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig, device: torch.device) -> optim.Optimizer:
    """Return a fresh optimiser of all parameters of a model on ``device``, at a constant learning rate."""
    parameters = model.parameters()
    rate, decay = config.learning_rate, config.weight_decay
    fused = device.type in ("cpu", "cuda")  # one pass over all parameters
    if config.optimizer == "sgd":
        return optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, fused=fused)
    kind = optim.Adam if config.optimizer == "adam" else optim.AdamW
    capturable = device.type == "cuda"  # its count of steps lies on the device, as a recorded step needs it
    return kind(parameters, rate, weight_decay=decay, fused=fused, capturable=capturable)
