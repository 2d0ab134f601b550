"""How many threads a computation takes.

Sums over many numbers are split among threads, so their last bits depend on how many there are: a training
that goes on after a stop must go on with as many as it began with.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within, torch and the linear algebra of NumPy and SciPy take ``count`` threads; afterwards as many as before."""
    before = torch.get_num_threads()
    try:
        with threadpool_limits(count):
            torch.set_num_threads(count)
            yield
    finally:
        torch.set_num_threads(before)
