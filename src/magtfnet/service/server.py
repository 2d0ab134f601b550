"""Listening, and stopping without losing what is under way."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from magtfnet.errors import ServiceError
from magtfnet.service.connections import limited
from magtfnet.service.kept import SWEEP_SECONDS
from magtfnet.service.logs import log
from magtfnet.service.state import State

BACKLOG = 128
LAST_SECONDS = 2
"""For answers that are written and connections that only wait, once all work is done."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServiceError: the address is no address of this machine, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Of TCP by name: only of such sockets does asyncio send small answers at once (TCP_NODELAY), 40 ms sooner.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if sys.platform == "win32":  # there SO_REUSEADDR lets a second process take the port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such address"
        raise ServiceError(
            f"cannot listen at {host}:{port} ({reason}); choose another --port or --host"
        ) from error
    listening.setblocking(False)
    return listening


class DrainingServer(uvicorn.Server):
    """A server that, told to stop, takes no new work and ends when the old is done.

    It listens on while it does, so that who comes is told 503 instead of finding nobody.

    Args:
        config: of uvicorn.
        state: of the service.
    """

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self.state = state
        self._signalled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal ends at once."""
        if self._signalled:  # the event is set by the loop, perhaps later than the second signal comes
            self.should_exit = self.force_exit = True
            return
        self._signalled = True
        log(
            "draining",
            signal=signal.Signals(sig).name,
            requests=self.state.work.requests,
            streams=self.state.work.streams,
        )
        self.stop()

    def stop(self) -> None:
        """Begin to drain; may be called from any thread."""
        if self._loop is None:
            self.should_exit = True  # it has not begun to listen
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.state.draining.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        self._draining = asyncio.create_task(self._drain())
        self._sweeping = asyncio.create_task(self._sweep())
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
            log("listening", address=address, models=self.state.models.names())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is left, the threads too."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        await super().shutdown(sockets)
        self.state.work.close()

    async def _sweep(self) -> None:
        """Remove what the page has kept long enough, again and again until told to stop."""
        while self.state.uploads is not None and not self.state.draining.is_set():
            await asyncio.sleep(SWEEP_SECONDS)
            before = self.state.uploads.size
            self.state.uploads.counted(before, await asyncio.to_thread(self.state.uploads.sweep))

    async def _drain(self) -> None:
        """Wait until told to stop, then until nothing is under way, at most so long."""
        await self.state.draining.wait()
        try:
            async with asyncio.timeout(self.state.limits.drain_seconds):
                while self.state.work.busy:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            work = self.state.work
            log("abandoned", level=logging.WARNING, requests=work.requests, streams=work.streams)
        self.should_exit = True


def make_server(app: FastAPI, state: State) -> DrainingServer:
    """Return a server of an application, with the limits of its service."""
    limits = state.limits
    http, stream = limited(state)
    config = uvicorn.Config(
        app,
        http=http,
        ws=stream,
        ws_max_size=int(limits.message_kib * 1024),
        ws_ping_interval=None,  # a pong waits behind samples while a piece is heard; idle_seconds ends who is silent
        ws_per_message_deflate=False,  # a few KiB would become hundreds of MiB before anybody counts them
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=max(1, round(limits.keep_alive_seconds)),
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    return DrainingServer(config, state)


def serve(app: FastAPI, state: State, listening: socket.socket) -> None:
    """Serve until a signal says to stop.

    Work that was abandoned ends with the process: Python would wait for its threads, however long they take.
    """
    make_server(app, state).run(sockets=[listening])
    log("stopped")
    if state.work.hearing:
        if state.kept is not None:
            shutil.rmtree(state.kept, ignore_errors=True)
        logging.shutdown()
        os._exit(0)
