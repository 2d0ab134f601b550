"""Where a model must not compute in fewer digits than its weights have, even under autocast.

In bfloat16 (8 bits of fraction) large products of frames lose nothing that training needs; sums that many
steps or layers build on do: the stream between the layers, means, the graph, and what decides at the end.
"""

import torch
from torch import Tensor


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context without autocast on the device of ``like``."""
    return torch.autocast(like.device.type, enabled=False)


def at_least_float32(values: Tensor) -> Tensor:
    """Return values in float32, or as they are where they have more digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
