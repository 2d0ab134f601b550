"""How many threads a computation takes.

Sums over many numbers are split among threads, so their last bits depend on how many there are: a training
that goes on after a stop must go on with as many as it began with.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within, torch computes with ``count`` threads; afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
