"""Connections that uvicorn would wait for without end: too many of them, and heads that do not come.

uvicorn times what stands between two requests, but not the head of a request; its own limit of connections answers
without saying when to come again.
"""

import asyncio
import json
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from magtfnet.service.limits import Limits
from magtfnet.service.problems import KINDS, MEDIA_TYPE


class PatientProtocol(H11Protocol):
    """HTTP/1.1 by uvicorn, with the limits of a service, which ``limited`` gives it."""

    limits = Limits()
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse what is too much."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse("overloaded", f"{self.limits.connections} connections are open; try again in 1 s")
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
        self._late = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def _head_is_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _head_is_late(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self._refuse(
                "late",
                f"the head of the request was not whole after {self.limits.head_seconds:g} s; send it faster",
            )

    def _refuse(self, kind: str, detail: str) -> None:
        """Answer without the application, and close."""
        status, title = KINDS[kind].status, KINDS[kind].title
        told = {"type": f"urn:magtfnet:problem:{kind}", "title": title, "status": status, "detail": detail}
        body = json.dumps(told).encode()
        again = b"Retry-After: 1\r\n" if status == 503 else b""
        head = f"HTTP/1.1 {status} \r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n".encode()
        self.transport.write(head + again + b"Connection: close\r\n\r\n" + body)
        self.transport.close()


def limited(limits: Limits) -> type[asyncio.Protocol]:
    """Return the protocol with the limits of a service."""
    made: Any = type("LimitedProtocol", (PatientProtocol,), {"limits": limits})
    return cast(type[asyncio.Protocol], made)
