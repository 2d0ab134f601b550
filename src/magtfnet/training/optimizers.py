"""The optimisers of the configuration."""

from torch import nn, optim

from magtfnet.config import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig) -> optim.Optimizer:
    """Return a fresh optimiser of all parameters, at a constant learning rate."""
    parameters = model.parameters()
    if config.optimizer == "sgd":
        return optim.SGD(parameters, config.learning_rate, momentum=0.9, weight_decay=config.weight_decay)
    kind = optim.Adam if config.optimizer == "adam" else optim.AdamW
    return kind(parameters, config.learning_rate, weight_decay=config.weight_decay)
