"""Where the training runs."""

import torch

from magtfnet.errors import ConfigError


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device; ``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: the named device is not on this machine.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    if not present[name]:
        there = ", ".join(kind for kind, is_there in present.items() if is_there)
        raise ConfigError(
            f"configuration training.device = '{name}': not on this machine, which has {there}; use auto"
        )
    return torch.device(name)
