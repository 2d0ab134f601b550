"""What a model costs: parameters, and multiply-adds per second of speech."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from magtfnet.models.protocol import Model

SECONDS = 3.0
"""Of the utterance that is counted: attention costs more a second the longer an utterance is."""


def count_parameters(model: Model) -> int:
    """Return how many numbers training changes."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds_per_second(model: Model, frames_per_second: float = 100.0) -> float:
    """Return the multiply-adds of all matrix products and convolutions in an utterance of 3 s, a second of it.

    Args:
        model: any; it is not changed.
        frames_per_second: of the front end.
    """
    sizes = model.config.model_dump()
    num_frames = round(SECONDS * frames_per_second)
    available = {
        "log_mel": torch.zeros(1, num_frames, sizes["n_mels"], dtype=torch.float64),
        "lld": torch.zeros(1, num_frames, sizes["num_descriptors"], dtype=torch.float64),
        "functionals": torch.zeros(1, sizes["num_functionals"], dtype=torch.float64),
    }
    copy = (
        type(model)(model.config).double().eval()
    )  # float64 takes PyTorch's own products, which are counted
    inputs = {name: available[name] for name in model.inputs}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        copy(lengths=torch.tensor([num_frames]), **inputs)
    return counter.get_total_flops() / 2 / SECONDS
