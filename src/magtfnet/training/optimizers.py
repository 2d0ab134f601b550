"""The optimisers of the configuration."""

import torch
from torch import nn, optim

from magtfnet.config import TrainingConfig

HOW = ("foreach", "fused", "capturable")
"""Settings of a group of parameters that say how a step is computed on a device, not what."""


def make_optimizer(
    model: nn.Module, config: TrainingConfig, device: torch.device, *, recorded: bool = False
) -> optim.Optimizer:
    """Return a fresh optimiser of all parameters of a model on ``device``, at a constant learning rate.

    Args:
        model: what is trained.
        config: the recipe.
        device: where the model lies.
        recorded: whether its steps are recorded as CUDA graphs; its count of steps then lies on the device.
    """
    parameters = model.parameters()
    rate, decay = config.learning_rate, config.weight_decay
    fused = True if device.type in ("cpu", "cuda") else None  # one pass over all parameters
    if config.optimizer == "sgd":
        return optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, fused=fused)
    kind = optim.Adam if config.optimizer == "adam" else optim.AdamW
    return kind(parameters, rate, weight_decay=decay, fused=fused, capturable=recorded)


def restore(optimizer: optim.Optimizer, state: dict[str, object]) -> None:
    """Load what an optimiser knew, which may have been on another device; how it computes stays as it is here."""
    how = [{name: group[name] for name in HOW if name in group} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, kept in zip(optimizer.param_groups, how, strict=True):
        group.update(kept)
        for parameter in group["params"]:
            known = optimizer.state.get(parameter, {})
            if "step" in known:
                home = parameter.device if group.get("capturable") or group.get("fused") else "cpu"
                known["step"] = torch.as_tensor(known["step"]).to(home)
