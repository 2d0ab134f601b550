"""The work behind the event loop: some threads, a bounded number of recordings before them, nothing beyond."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from magtfnet.service.limits import MEBIBYTE, Limits
from magtfnet.service.problems import ProblemError

P = ParamSpec("P")
R = TypeVar("R")
RECENT = 0.1
"""Weight of the newest recording in the mean time of one."""


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
        self.bodies = 0  # of recordings that are being received
        self._seconds = 0.1  # mean time of a recording
        self._hearing: set[object] = set()  # the jobs that threads have
        self._recordings: dict[object, float] = {}  # of them recordings, and when each began
        self._closed = False
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="hearing")

    @property
    def busy(self) -> bool:
        """Whether anything is under way that stopping waits for."""
        return self.requests > 0 or self.bodies > 0 or self.streams > self._let_go

    @property
    def hearing(self) -> int:
        """How many threads are at work."""
        return len(self._hearing)

    @contextmanager
    def body(self) -> Iterator[None]:
        """Count a body while it comes: it takes no place yet, but stopping waits for it."""
        self.bodies += 1
        try:
            yield
        finally:
            self.bodies -= 1

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
        """Return what a function gives that is run in a thread.

        Cancelled, it is not begun, and what it holds is let go; one that has begun is waited for, so that whatever
        place was taken for it is kept as long as its thread.
        """
        job = _Job(partial(function, *args, **kwargs), self._hearing)
        future = self._threads.submit(job)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancelled():
                job.let_go()
            elif not self._closed:
                with suppress(Exception):
                    await asyncio.wrap_future(future)
            raise

    async def recording(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``run`` does, of a whole recording: how long those take says when to come again."""

        def timed() -> R:
            start = time.perf_counter()
            self._recordings[timed] = start
            try:
                return function(*args, **kwargs)
            finally:
                del self._recordings[timed]
                self._seconds += RECENT * (time.perf_counter() - start - self._seconds)

        return await self.run(timed)

    def overloaded(self, found: str) -> ProblemError:
        """Return the problem of a request that comes too much, with when to come again."""
        seconds = self.retry_after()
        return ProblemError("overloaded", f"{found}; try again in {seconds} s", {"Retry-After": str(seconds)})

    def retry_after(self) -> int:
        """Return in how many seconds half of what is waiting will have been heard, at least 1.

        A recording takes as long as the mean of those before, or as the oldest under way has taken already.
        """
        oldest = time.perf_counter() - min(self._recordings.copy().values(), default=math.inf)
        return max(1, math.ceil(max(self._seconds, oldest) * self.requests / self.limits.workers / 2))

    def close(self) -> None:
        """Let the threads go; those at work are not waited for."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Job(Generic[R]):
    """A function that a thread is to run once; where it is not to be run any more, what it holds is let go."""

    def __init__(self, function: Callable[[], R], hearing: set[object]) -> None:
        self._function: Callable[[], R] | None = function
        self._hearing = hearing

    def __call__(self) -> R:
        assert self._function is not None
        self._hearing.add(self)
        try:
            return self._function()
        finally:
            self._function = None
            self._hearing.remove(self)

    def let_go(self) -> None:
        """Forget the function."""
        self._function = None
