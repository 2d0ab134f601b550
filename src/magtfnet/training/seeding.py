"""Random numbers that depend on named seeds only, and leave the caller's CPU and CUDA generators as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derived_seed(*entropy: int) -> int:
    """Return one seed of 63 bits that all the numbers decide together."""
    return int(np.random.SeedSequence((len(entropy), *entropy)).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Within, torch's generators start from the derived seed; afterwards those of CPU and CUDA are as before."""
    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(*entropy))
        yield
