"""What every request passes, those of the page too: its id, admission, the limits of its body, the log."""

import asyncio
import logging
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from magtfnet.service.admission import METHODS, UPLOAD, is_ours, refuse
from magtfnet.service.kept import SMALLEST
from magtfnet.service.limits import MEBIBYTE
from magtfnet.service.logs import log, where
from magtfnet.service.problems import ProblemError
from magtfnet.service.state import State

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
GONE = 499
"""The status in the log and the metrics where a client went before its answer; nobody is sent it."""
PAGE_BODY_MIB = 0.25
"""Of what the page sends beside files: which widget was moved, and where its file lies."""
LINGER = 1.0
"""Seconds in which what a client still sends is read and thrown away, so that it reads its answer before the end."""


class Guard:
    """The outermost layer of the application.

    Args:
        app: what is behind it.
        state: of the service.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            await Exchange(self.app, self.state, scope, receive, send).run()
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = request_id = _request_id(Headers(scope=scope))
        try:
            refuse(self.state, scope)
        except ProblemError as problem:
            self.state.metrics.problems.labels(problem.kind).inc()
            log("stream refused", request_id=request_id, problem=problem.kind)
            await receive()  # the handshake
            response = problem.response(request_id)
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": response.status_code,
                    "headers": response.raw_headers,
                }
            )
            await send({"type": "websocket.http.response.body", "body": response.body})
            return
        await self.app(scope, receive, send)


class Exchange:
    """One request of HTTP and its answer."""

    def __init__(self, app: ASGIApp, state: State, scope: Scope, receive: Receive, send: Send) -> None:
        self.app, self.state, self.scope = app, state, scope
        self._receive, self._send = receive, send
        self.answered = scope
        self.headers = Headers(scope=scope)
        self.request_id = _request_id(self.headers)
        self.refusal: ProblemError | None = None
        self.status: int | None = None
        self.received = 0
        self.uploads = state.uploads if scope["path"] == UPLOAD else None
        self._kept = 0
        self._deadline: float | None = None
        self._whole = False  # the body is there

    async def run(self) -> None:
        """Answer, count and log."""
        start = time.perf_counter()
        self.scope.setdefault("state", {})["request_id"] = self.request_id
        if self.scope["method"] == "HEAD" and is_ours(self.scope["path"]):
            self.answered = {**self.scope, "method": "GET"}  # without its body, which the server leaves out
        try:
            refuse(self.state, self.scope)
            self._refuse_declared()
            if self.uploads is not None:
                self.uploads.take(SMALLEST)
                self._kept += SMALLEST
            await self.app(self.answered, self.receive, self.send)
        except ProblemError as problem:
            self.refusal = problem
        except ClientDisconnect:
            self.status = self.status or GONE
        except Exception as error:  # a mistake of ours is an answer too, and the next request is served
            log("mistake", level=logging.ERROR, request_id=self.request_id, error=where(error))
            self.refusal = ProblemError(
                "internal", "a mistake of the service; tell its operator the request_id"
            )
        finally:
            self.state.work.release(self.received)
            if self.uploads is not None:
                self.uploads.arrived(self._kept)
        if self.refusal is not None and self.status is None:
            await self._answer(self.refusal)
        self._tell(time.perf_counter() - start)

    async def receive(self) -> Message:
        """Return the next piece of the body, within its limits.

        Raises:
            ProblemError: too large, too late, or too much with the bodies of others.
        """
        if self._whole or self.status is not None:
            return await self._receive()
        limits = self.state.limits
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + limits.body_seconds
        try:
            async with asyncio.timeout(min(limits.silent_seconds, self._deadline - now)):
                message = await self._receive()
        except TimeoutError:
            late = (
                f"nothing for {limits.silent_seconds:g} s"
                if self._deadline - now > limits.silent_seconds
                else f"not whole after {limits.body_seconds:g} s"
            )
            raise self._refused(
                ProblemError("late", f"the body came too slowly, {late}; send it faster")
            ) from None
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on with its request's id; not where the request has been refused meanwhile."""
        if self.refusal is not None and self.status is None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if self._unread:  # nothing would time what is still to come of it
                headers["Connection"] = "close"
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]  # gradio's, which let other origins in
            if route_of(self.answered) == "page":
                headers["Content-Security-Policy"] = PAGE_POLICY
        await self._send(message)

    @property
    def _body_mib(self) -> float:
        """What a body may have; gradio keeps parts of those that bring no file."""
        limit = self.state.limits.body_mib
        brings_file = is_ours(self.scope["path"]) or self.uploads is not None
        return limit if brings_file else min(limit, PAGE_BODY_MIB)

    @property
    def _unread(self) -> bool:
        """Whether the client announced a body that has not been read to its end."""
        announced = self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        return announced and not self._whole

    def _count(self, size: int) -> None:
        limit = self._body_mib
        if self.received + size > limit * MEBIBYTE:
            raise self._refused(
                ProblemError(
                    "too-large",
                    f"a body of more than {limit:g} MiB; send at most so much, or cut the recording",
                )
            )
        try:
            if self.uploads is not None:
                self.uploads.take(size)
                self._kept += size
            self.state.work.hold(size)
        except ProblemError as problem:
            raise self._refused(problem) from None
        self.received += size

    def _refuse_declared(self) -> None:
        declared, limit = self.headers.get("content-length", ""), self._body_mib
        if declared.isdigit() and int(declared) > limit * MEBIBYTE:
            raise ProblemError(
                "too-large",
                f"a body of {int(declared) / MEBIBYTE:.1f} MiB, at most {limit:g} MiB are taken; cut the recording",
            )

    def _refused(self, problem: ProblemError) -> ProblemError:
        """Remember the problem: it is the answer, whatever the application makes of it."""
        self.refusal = problem
        return problem

    async def _answer(self, problem: ProblemError) -> None:
        """Send the problem; read on a little where the body has not been read, then close the connection."""
        self.state.metrics.problems.labels(problem.kind).inc()
        response = problem.response(self.request_id)
        unread = self._unread
        if unread:
            response.headers["Connection"] = "close"
        self.status = response.status_code
        await self._send(
            {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        )
        if unread:
            await self._send({"type": "http.response.body", "body": response.body, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body", "body": b""})
        else:
            await self._send({"type": "http.response.body", "body": response.body})

    async def _linger(self) -> None:
        try:
            async with asyncio.timeout(LINGER):
                message = await self._receive()
                while message["type"] == "http.request" and message.get("more_body", False):
                    message = await self._receive()
        except TimeoutError:
            pass

    def _tell(self, seconds: float) -> None:
        route = route_of(self.answered)
        method = self.scope["method"] if self.scope["method"] in METHODS else "other"
        self.state.metrics.requests.labels(route, method, str(self.status)).inc()
        self.state.metrics.seconds.labels(route).observe(seconds)
        values: dict[str, Any] = {
            "request_id": self.request_id,
            "method": method,
            "route": route,
            "status": self.status,
            "milliseconds": round(1000 * seconds, 1),
            "bytes": self.received,
        }
        if self.refusal is not None:
            values["problem"] = self.refusal.kind
        log("request", **values)


PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; connect-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'"
)
"""What a browser may load for the page: nothing from elsewhere, whatever gradio's pages ask for."""


def route_of(scope: Scope) -> str:
    """Return the address as the service knows it: its own paths as they are, ``page`` and ``unknown`` for the rest."""
    path = getattr(scope.get("route"), "path", None)
    if scope.get("app_root_path") is not None or path == "":
        return "page"
    return path if isinstance(path, str) and "{" not in path else "unknown"


def _request_id(headers: Headers) -> str:
    """Return the client's own id where it is a plain word, else a new one."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
