"""Memory that a training keeps from step to step.

glibc returns blocks above 32 MiB to the system as soon as they are free, and the system clears every page again
when the next step asks for them. Networks over pictures, whose maps are larger than that, spend up to half of a
step on it (docs/performance.md). Kept, the most that a training needs is up to a half larger. Who sets one of
glibc's own variables has decided otherwise: ``MALLOC_TRIM_THRESHOLD_=131072`` switches this off.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

# of glibc's malloc.h
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
NEVER, NO_BLOCKS = -1, 0
LARGEST_THRESHOLD, MOST_BLOCKS = 32 * 2**20, 2**16
"""What glibc comes to by itself once a block of the largest size has been freed, and its default."""


class _Allocator(Protocol):
    def mallopt(self, parameter: int, value: int) -> int: ...

    def malloc_trim(self, pad: int) -> int: ...


def _glibc() -> _Allocator | None:
    """Return glibc where this process has it and nobody has set it up; whether its allocator is used it cannot say."""
    set_up = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if set_up or not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim")):
        return None
    return cast("_Allocator", library)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, memory that is free stays the process's; afterwards it goes back. Elsewhere than on glibc, nothing.

    Of threads other than the main one glibc keeps no large blocks: there it changes nothing.
    """
    allocator = _glibc()
    if allocator is None:
        yield
        return
    try:
        allocator.mallopt(MMAP_MAX, NO_BLOCKS)
        allocator.mallopt(TRIM_THRESHOLD, NEVER)
        yield
    finally:
        allocator.mallopt(MMAP_MAX, MOST_BLOCKS)
        allocator.mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD)
        allocator.mallopt(TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
        allocator.malloc_trim(0)
