"""The threads: what a refused client is told, and what a job that is not wanted any more leaves behind."""

import asyncio
import gc
import threading
import time
import weakref

import pytest

from magtfnet.service.limits import Limits
from magtfnet.service.work import Work


def test_when_to_come_again_is_told_by_recordings_alone(monkeypatch):
    """Pieces of streams are short and many; a recording under way says more than the short ones before it."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    work = Work(Limits(workers=1, requests=4))
    begun, may = threading.Event(), threading.Event()

    def hear():
        begun.set()
        assert may.wait(20)

    async def ask():
        for _ in range(50):
            await work.run(lambda: None)
        assert work._seconds == 0.1, "a piece counts for nothing"
        with work.request(), work.request(), work.request(), work.request():
            assert work.retry_after() == 1
            under_way = asyncio.ensure_future(work.recording(hear))
            await asyncio.to_thread(begun.wait, 20)
            now[0] += 30.0
            assert work.retry_after() == 60
            may.set()
            await under_way
        assert work._seconds == pytest.approx(0.1 + 0.1 * (30.0 - 0.1))

    asyncio.run(ask())


def test_a_job_that_has_not_begun_lets_go_of_what_it_holds():
    work = Work(Limits(workers=1))
    begun, may = threading.Event(), threading.Event()

    class Body:
        """Stands for the bytes of a recording."""

    def hear():
        begun.set()
        assert may.wait(20)

    async def ask():
        first = asyncio.ensure_future(work.run(hear))
        await asyncio.to_thread(begun.wait, 20)
        body = Body()
        held = weakref.ref(body)
        second = asyncio.ensure_future(work.run(id, body))
        await asyncio.sleep(0)
        del body
        second.cancel()
        await asyncio.wait((second,))
        assert second.cancelled()
        del second
        gc.collect()
        assert held() is None
        first.cancel()
        done, _ = await asyncio.wait((first,), timeout=0.05)
        assert not done, "a thread is waited for"
        may.set()
        await asyncio.wait((first,))
        assert work.hearing == 0

    asyncio.run(ask())
