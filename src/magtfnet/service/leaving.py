"""Clients that go while they wait: what they asked for is not begun, or ends at its next block."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from magtfnet.service.work import Work

R = TypeVar("R")


class LeftError(Exception):
    """Nobody waits for this any more."""


class Waited:
    """Whether somebody waits for a job; as its ``Progress`` it ends the job where nobody does."""

    def __init__(self) -> None:
        self._left = threading.Event()

    def leave(self) -> None:
        """Say that nobody waits any more."""
        self._left.set()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Go on.

        Raises:
            LeftError: nobody waits any more.
        """
        if self._left.is_set():
            raise LeftError


async def heard_for(request: Request, work: Work, hear: Callable[[Waited], R]) -> R:
    """Return what a recording's job gives, as long as its client waits.

    Args:
        request: whose body has been read.
        work: where it is heard.
        hear: the job, which asks once a block whether to go on.

    Raises:
        ClientDisconnect: the client has gone; the job has ended, or will not begin.
    """
    waited = Waited()
    hearing = asyncio.ensure_future(work.recording(hear, waited))
    going = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((hearing, going), return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            return hearing.result()
        waited.leave()
        hearing.cancel()
        await asyncio.wait((hearing,))
        raise ClientDisconnect
    finally:
        waited.leave()
        hearing.cancel()
        going.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
