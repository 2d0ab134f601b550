"""What every model is, and how it is made by its name."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from torch import nn

from magtfnet.registry import Registry


class Model(nn.Module):
    """Classify utterances of any length.

    A model names in ``inputs`` the features that its ``forward`` takes as keywords beside ``lengths`` (B,):
    of ``log_mel`` (B, T, M), ``lld`` (B, T, L) and ``functionals`` (B, number of functionals). It returns
    logits (B, K). What stands beyond ``lengths`` never changes them. ``static_shapes`` says that no shape inside
    depends on ``lengths`` on a GPU, so that a step can be recorded there; ``solved``, that its weights are solved for
    and not learnt in epochs.
    """

    inputs: tuple[str, ...]
    config: BaseModel
    static_shapes: bool = True
    solved: bool = False


Builder = Callable[..., Model]
MODELS: Registry[Builder] = Registry("model")


def register_model(builder: Builder) -> Builder:
    """Register a builder under its own name; it takes ``num_classes`` and overrides of the model's configuration."""
    return MODELS.add(builder.__name__, builder)


def create_model(name: str, *, num_classes: int, **overrides: Any) -> Model:
    """Build a registered model with fresh weights.

    Args:
        name: one of ``list_models()``.
        num_classes: K, at least 2.
        overrides: values of the model's configuration.

    Raises:
        UnknownNameError: no such model; the message lists those that are.
        ConfigError: an unknown key or a refused value.
    """
    return MODELS[name](num_classes=num_classes, **overrides)


def list_models() -> list[str]:
    """Return the names of the registered models, sorted."""
    return list(MODELS)
