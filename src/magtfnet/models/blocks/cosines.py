"""The cosine transform that makes cepstra of log-Mel frames."""

import math

import torch
from torch import Tensor


def cosines(bands: int, cepstra: int) -> Tensor:
    """Return the orthonormal cosine transform (type II) of ``bands`` to the first ``cepstra``, (bands, cepstra)."""
    places = (torch.arange(bands, dtype=torch.float64) + 0.5).unsqueeze(1)
    basis = torch.cos(math.pi / bands * places * torch.arange(cepstra)) * math.sqrt(2 / bands)
    basis[:, 0] /= math.sqrt(2)
    return basis.float()
