"""The interface over WebSocket: sound in pieces, events as they are heard.

A piece that cannot be used is told and left out, and the stream goes on. Pieces are heard one after another: while one
is, no more is read from the client, so nothing piles up.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field
from starlette.websockets import WebSocketState

from magtfnet.audio import Waveform
from magtfnet.config import validated
from magtfnet.errors import MagtfnetError
from magtfnet.recognizer.streaming import StreamingRecognizer
from magtfnet.service.hearing import refuse_form
from magtfnet.service.logs import log, where
from magtfnet.service.parameters import WindowParameters
from magtfnet.service.problems import ProblemError, problem_of
from magtfnet.service.state import State
from magtfnet.timeline import Segment, Window
from magtfnet.timeline.timeline import Event

DONE, GOING_AWAY, POLICY, MISTAKE = 1000, 1001, 1008, 1011
"""Codes of closing (RFC 6455, section 7.4.1)."""
FINISH = "finish"
"""The text message that ends a stream."""
ENCODINGS = {"pcm16": "<i2", "float32": "<f4"}


class StreamParameters(WindowParameters):
    """What a client says of its stream, in the query of its address.

    Args:
        rate: of the samples in Hz.
        encoding: of the samples, little-endian; channels interleaved.
        channels: in each piece.
    """

    rate: int = Field(ge=1_000)
    encoding: Literal["pcm16", "float32"] = "pcm16"
    channels: int = Field(1, ge=1)


def routes(state: State) -> APIRouter:
    """Return the address of streams."""
    router = APIRouter()

    @router.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        try:
            with state.work.stream():
                parameters, recognizer = _begin(state, dict(socket.query_params))
                await socket.accept(headers=[(b"x-request-id", socket.state.request_id.encode())])
                await Session(state, socket, parameters, recognizer).run()
        except ProblemError as problem:
            await _refuse(state, socket, problem)

    @router.websocket("/v1/{rest:path}")
    async def unknown(socket: WebSocket) -> None:
        await _refuse(state, socket, ProblemError("not-found", "no stream is here; /v1/stream takes samples"))

    return router


async def _refuse(state: State, socket: WebSocket, problem: ProblemError) -> None:
    state.metrics.problems.labels(problem.kind).inc()
    log("stream refused", request_id=socket.state.request_id, problem=problem.kind)
    await socket.send_denial_response(problem.response(socket.state.request_id))


def _begin(state: State, query: dict[str, Any]) -> tuple[StreamParameters, StreamingRecognizer]:
    """Return what a stream needs.

    Raises:
        ProblemError: a parameter that is refused, or a model that is not served.
    """
    try:
        parameters = validated(StreamParameters, query)
        served = state.models[parameters.model]
        refuse_form("stream", parameters.rate, parameters.channels, state.limits)
        recognizer = StreamingRecognizer(
            served.recognizer,
            sample_rate=parameters.rate,
            settings=parameters.settings(state.limits),
        )
    except MagtfnetError as error:
        raise problem_of(error) from error
    return parameters, recognizer


class Session:
    """One stream from its beginning to its end."""

    def __init__(
        self, state: State, socket: WebSocket, parameters: StreamParameters, recognizer: StreamingRecognizer
    ) -> None:
        self.state, self.socket, self.parameters, self.recognizer = state, socket, parameters, recognizer
        self.events = 0
        self._heard = 0.0  # when samples were heard last

    async def run(self) -> None:
        """Hear pieces until the client has finished or gone, a limit is reached, or the service is stopped."""
        code, reason = DONE, ""
        try:
            code, reason = await self._hear()
            await self._end(code, reason)
        except WebSocketDisconnect:
            code, reason = GOING_AWAY, "the client has gone"
        except Exception as error:  # a mistake of ours ends this stream, no other
            code, reason = MISTAKE, "a mistake of the service"
            self.state.metrics.problems.labels("internal").inc()
            log("mistake", level=logging.ERROR, request_id=self.socket.state.request_id, error=where(error))
            if self.socket.application_state is WebSocketState.CONNECTED:
                await self.socket.close(MISTAKE, reason)
        self.state.metrics.audio.labels("/v1/stream").inc(self.recognizer.seconds)
        log(
            "stream",
            request_id=self.socket.state.request_id,
            code=code,
            reason=reason,
            seconds=round(self.recognizer.seconds, 2),
            events=self.events,
        )

    async def _hear(self) -> tuple[int, str]:
        """Return why the stream ends."""
        limits = self.state.limits
        await self._send({"type": "ready", "classes": list(self.recognizer.classes)})
        end = self._now() + limits.stream_seconds
        self._heard = self._now()
        while self.recognizer.seconds <= limits.stream_seconds:
            message = await self._next(min(self._heard + limits.idle_seconds, end))
            if message is None:
                if self.state.draining.is_set():
                    return GOING_AWAY, "the service is being stopped"
                if self._now() >= end:
                    return POLICY, f"open for more than {limits.stream_seconds:g} s"
                return POLICY, f"no samples for {limits.idle_seconds:g} s"
            if message == FINISH:
                return DONE, ""
            try:
                await self._push(self._samples(message))
            except (ProblemError, MagtfnetError) as error:
                problem = error if isinstance(error, ProblemError) else problem_of(error)
                self.state.metrics.problems.labels(problem.kind).inc()
                body = problem.body(self.socket.state.request_id)
                await self._send({**body, "type": "problem", "kind": problem.kind})
        return POLICY, f"more than {limits.stream_seconds:g} s of sound"

    async def _next(self, until: float) -> bytes | str | None:
        """Return the next message; None where none came in time, or the service is being stopped."""
        if self._now() >= until or self.state.draining.is_set():
            return None
        receiving = asyncio.ensure_future(self.socket.receive())
        stopping = asyncio.ensure_future(self.state.draining.wait())
        done, waiting = await asyncio.wait(
            (receiving, stopping), timeout=until - self._now(), return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        if receiving not in done:
            return None
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", GOING_AWAY))
        data: bytes | None = message.get("bytes")
        return data if data is not None else str(message["text"])

    def _samples(self, message: bytes | str) -> npt.NDArray[Any]:
        """Return a piece as samples (S,) or (channels, S).

        Raises:
            ProblemError: a text that is not ``finish``, or bytes that are no whole samples.
        """
        if isinstance(message, str):
            raise ProblemError(
                "message", f"a text that is not known; send samples as bytes, or the text '{FINISH}'"
            )
        dtype, channels = np.dtype(ENCODINGS[self.parameters.encoding]), self.parameters.channels
        if len(message) % (dtype.itemsize * channels):
            raise ProblemError(
                "message",
                f"a piece of {len(message)} bytes, which are no whole samples of {channels} x {dtype.itemsize} bytes; "
                "send whole ones",
            )
        samples = np.frombuffer(message, dtype).astype(dtype.newbyteorder("="))
        return samples if channels == 1 else np.ascontiguousarray(samples.reshape(-1, channels).T)

    async def _push(self, samples: npt.NDArray[Any]) -> None:
        """Hear the samples of a message in pieces of a second, so that other streams are heard between them.

        Raises:
            InvalidSamplesError: NaN or infinite samples; none of them is heard.
        """
        if not samples.size:
            return
        rate = self.parameters.rate
        whole = await self.state.work.run(Waveform, samples, rate)
        for first in range(0, whole.num_samples, rate):
            if self.state.draining.is_set():
                return
            piece = whole.samples[..., first : first + rate]
            await self._tell(await self.state.work.run(self.recognizer.push, piece))
        self._heard = self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _end(self, code: int, reason: str) -> None:
        """Tell what was still open, then close."""
        await self._tell(await self.state.work.run(self.recognizer.finish))
        await self._send({"type": "end", "seconds": round(self.recognizer.seconds, 4), "reason": reason})
        await self.socket.close(code, reason)

    async def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events += 1
            await self._send(told(event, self.recognizer.classes))

    async def _send(self, message: dict[str, Any]) -> None:
        await self.socket.send_text(json.dumps(message))


def told(event: Event, classes: Sequence[str]) -> dict[str, Any]:
    """Return an event as a client reads it."""
    if isinstance(event, Segment):
        return {"type": "segment", **event.to_dict()}
    assert isinstance(event, Window)
    return {
        "type": "window",
        "start": round(event.start, 4),
        "end": round(event.end, 4),
        "label": event.label,
        "sure": event.sure,
        "probabilities": dict(zip(classes, (round(p, 6) for p in event.probabilities), strict=True)),
        "smoothed": dict(zip(classes, (round(p, 6) for p in event.smoothed), strict=True)),
    }
