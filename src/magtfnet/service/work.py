"""The work behind the event loop: some threads, a bounded number of recordings before them, nothing beyond."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from magtfnet.service.limits import MEBIBYTE, Limits
from magtfnet.service.problems import ProblemError

P = ParamSpec("P")
R = TypeVar("R")
RECENT = 0.1
"""Weight of the newest job in the mean time of one."""


class Work:
    """Counts what is under way, on the event loop alone, and hears it in threads.

    Args:
        limits: how much at once.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.streams = 0
        self.pending_bytes = 0
        self._let_go = 0  # streams that stopping does not wait for
        self._seconds = 0.1  # mean time of a job
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="hearing")

    @property
    def busy(self) -> bool:
        """Whether anything is under way that stopping waits for."""
        return self.requests > 0 or self.streams > self._let_go

    @contextmanager
    def request(self) -> Iterator[None]:
        """Take the place of one recording.

        Raises:
            ProblemError: all are taken.
        """
        if self.requests >= self.limits.requests:
            raise self.overloaded(
                f"{self.requests} recordings are under way, at most {self.limits.requests} are taken"
            )
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def stream(self, *, waited_for: bool = True) -> Iterator[None]:
        """Take the place of one stream.

        Args:
            waited_for: whether stopping the service waits for its end.

        Raises:
            ProblemError: all are taken.
        """
        if self.streams >= self.limits.streams:
            raise self.overloaded(f"{self.streams} streams are open, at most {self.limits.streams} are taken")
        self.streams += 1
        self._let_go += not waited_for
        try:
            yield
        finally:
            self.streams -= 1
            self._let_go -= not waited_for

    def hold(self, size: int) -> None:
        """Count bytes of a body as they come.

        Raises:
            ProblemError: the bodies of all requests together are too many bytes.
        """
        if self.pending_bytes + size > self.limits.pending_mib * MEBIBYTE:
            raise self.overloaded(f"more than {self.limits.pending_mib:g} MiB of recordings are under way")
        self.pending_bytes += size

    def release(self, size: int) -> None:
        """Count bytes of a body as gone."""
        self.pending_bytes -= size

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a function gives that is run in a thread."""

        def timed() -> R:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._seconds += RECENT * (time.perf_counter() - start - self._seconds)

        return await asyncio.get_running_loop().run_in_executor(self._threads, timed)

    def overloaded(self, found: str) -> ProblemError:
        """Return the problem of a request that comes too much, with when to come again."""
        seconds = self.retry_after()
        return ProblemError("overloaded", f"{found}; try again in {seconds} s", {"Retry-After": str(seconds)})

    def retry_after(self) -> int:
        """Return in how many seconds half of what is waiting will have been heard, at least 1."""
        return max(1, math.ceil(self._seconds * self.requests / self.limits.workers / 2))

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
