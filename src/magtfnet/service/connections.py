"""Connections that uvicorn would wait for without end: too many of them, heads that do not come, answers nobody reads.

uvicorn times what stands between two requests, but neither the head of a request nor the reading of an answer; its own
limit of connections answers without saying when to come again. What is refused here never reaches the application, so
it is counted and logged here.
"""

import asyncio
import uuid
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from magtfnet.service.logs import log
from magtfnet.service.problems import ProblemError
from magtfnet.service.state import State


class PatientWriting(asyncio.Protocol):
    """What both protocols do with a client that does not read: wait as long as it reads anything at all, then abort.

    The buffer of the transport is let grow by nothing, so that whatever the system does not take is seen.
    """

    state: State
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Begin to watch: the system takes no more."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching: everything was taken."""
        self._stop_watching()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self, before: int) -> None:
        seconds = self.state.limits.silent_seconds
        self._unread = self.loop.call_later(seconds, self._refuse_silence, before)

    def _stop_watching(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse_silence(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._watch(left)
        else:
            log("not read", seconds=self.state.limits.silent_seconds)
            self.transport.abort()


class PatientStream(PatientWriting, WebSocketsSansIOProtocol):
    """WebSocket by uvicorn, with the limits of a service, which ``limited`` gives it."""


class PatientProtocol(PatientWriting, H11Protocol):
    """HTTP/1.1 by uvicorn, with the limits of a service, which ``limited`` gives it."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse what is too much."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)
        if len(self.connections) > self.state.limits.connections:
            self._refuse(
                "overloaded", f"{self.state.limits.connections} connections are open; try again in 1 s"
            )
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, which may be a part of a head."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE or self.transport.get_protocol() is not self:
            self._head_is_here()
        elif self._late is None:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(self.state.limits.head_seconds, self._head_is_late)

    def _head_is_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _head_is_late(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self._refuse(
                "late",
                f"the head of the request was not whole after {self.state.limits.head_seconds:g} s; send it faster",
            )

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse("malformed-body", "a request that is no HTTP/1.1; correct it")

    def _refuse(self, kind: str, detail: str) -> None:
        """Answer without the application, and close."""
        request_id = uuid.uuid4().hex
        self.state.metrics.problems.labels(kind).inc()
        log("connection refused", request_id=request_id, problem=kind)
        again = {"Retry-After": "1"} if kind == "overloaded" else {}
        response = ProblemError(kind, detail, again).response(request_id)
        response.headers["Connection"] = "close"
        head = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
        self.transport.write(
            b"HTTP/1.1 %d \r\n" % response.status_code + head + b"\r\n" + bytes(response.body)
        )
        self.transport.close()


def limited(state: State) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
    """Return the protocols of HTTP and WebSocket with the limits of a service."""
    http: Any = type("LimitedProtocol", (PatientProtocol,), {"state": state})
    stream: Any = type("LimitedStream", (PatientStream,), {"state": state})
    return cast(type[asyncio.Protocol], http), cast(type[asyncio.Protocol], stream)
