"""The interface over HTTP: predictions, timelines, models, health, metrics."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer

from magtfnet.errors import MagtfnetError
from magtfnet.service import hearing
from magtfnet.service.answers import (
    HealthAnswer,
    ModelsAnswer,
    PredictionAnswer,
    TimelineAnswer,
    model_answer,
)
from magtfnet.service.bodies import read_recording
from magtfnet.service.leaving import heard_for
from magtfnet.service.metrics import MEDIA_TYPE
from magtfnet.service.parameters import BODY, Format, ModelParameters, TimelineParameters
from magtfnet.service.problems import problem_of, responses
from magtfnet.service.state import State
from magtfnet.timeline import Timeline
from magtfnet.timeline.formats import FORMATS

MEDIA_TYPES: dict[str, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "textgrid": "text/plain",
    "vtt": "text/vtt",
    "audacity": "text/plain",
    "rttm": "text/plain",
    "html": "text/html",
}
REFUSED = responses(
    "malformed-body",
    "unauthorized",
    "forbidden",
    "unknown-model",
    "late",
    "too-large",
    "audio",
    "parameter",
    "internal",
    "overloaded",
    "draining",
)
BEARER = HTTPBearer(auto_error=False, description="the service's token, where it has one")
"""For the description alone: who comes in is decided before (``admission.py``)."""


def routes(state: State) -> APIRouter:
    """Return the addresses of a service."""
    router = APIRouter()
    within = APIRouter(dependencies=[] if state.token is None else [Security(BEARER)])
    _add_recordings(within, state)
    _add_facts(within, state)
    router.include_router(within)
    _add_health(router, state)
    return router


def _add_recordings(router: APIRouter, state: State) -> None:
    """Add what recordings are sent to."""

    @router.post("/v1/predict", response_model=PredictionAnswer, responses=REFUSED, openapi_extra=BODY)
    async def predict(request: Request, asked: Annotated[ModelParameters, Query()]) -> PredictionAnswer:
        """Tell the emotion of one recording."""
        served = state.models[asked.model]
        with state.work.body():
            data = await read_recording(request)
        with state.work.request():
            try:
                told = await heard_for(
                    request,
                    state.work,
                    lambda waited: hearing.predict(served.recognizer, data, state.limits, waited),
                )
            except MagtfnetError as error:
                raise problem_of(error) from error
        state.metrics.audio.labels("/v1/predict").inc(told.duration)
        return PredictionAnswer(model=served.name, **told.to_dict())

    @router.post(
        "/v1/timeline",
        response_model=TimelineAnswer,
        responses={
            200: {
                "content": {
                    kind: {"schema": {"type": "string"}}
                    for kind in sorted({*MEDIA_TYPES.values()} - {MEDIA_TYPES["json"]})
                }
            },
            **REFUSED,
        },
        openapi_extra=BODY,
    )
    async def timeline(request: Request, asked: Annotated[TimelineParameters, Query()]) -> Response:
        """Tell the emotions of a recording along time."""
        served = state.models[asked.model]
        try:
            settings = asked.settings(state.limits)
            with state.work.body():
                data = await read_recording(request)
            with state.work.request():
                told, body = await heard_for(
                    request,
                    state.work,
                    lambda waited: _written(
                        hearing.timeline(
                            served.recognizer,
                            data,
                            state.limits,
                            settings=settings,
                            by_channel=asked.by_channel,
                            waited=waited,
                        ),
                        served.name,
                        asked.format,
                    ),
                )
        except MagtfnetError as error:
            raise problem_of(error) from error
        state.metrics.audio.labels("/v1/timeline").inc(told)
        return Response(body, media_type=MEDIA_TYPES[asked.format])


def _add_facts(router: APIRouter, state: State) -> None:
    """Add what tells of the service."""

    @router.get(
        "/v1/models",
        response_model=ModelsAnswer,
        responses=responses("unauthorized", "forbidden", "internal", "draining"),
    )
    async def models() -> ModelsAnswer:
        """List the models that are served; the default is heard where none is named."""
        default = state.models.default
        return ModelsAnswer(
            models=[
                model_answer(served.name, served.about, default=served is default)
                for served in state.models.served()
            ]
        )

    @router.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=responses("unauthorized", "forbidden", "internal"),
    )
    async def metrics() -> Response:
        """Tell counts and times in Prometheus's text format."""
        return Response(state.metrics.text(), media_type=MEDIA_TYPE)


def _add_health(router: APIRouter, state: State) -> None:
    """Add what tells whether the service lives, under whatever name and without a token."""

    @router.get("/healthz", response_model=HealthAnswer)
    async def health() -> HealthAnswer:
        """Tell that the service lives."""
        return HealthAnswer(status="alive")

    @router.get(
        "/readyz",
        response_model=HealthAnswer,
        responses={503: {"model": HealthAnswer, "description": "It is being stopped."}},
    )
    async def ready() -> Response:
        """Tell whether the service takes work: its models are loaded before it listens, so until it is stopped."""
        if state.draining.is_set():
            return JSONResponse({"status": "draining"}, status_code=503, headers={"Retry-After": "5"})
        return JSONResponse({"status": "ready"})


def _written(told: Timeline, model: str, format: Format) -> tuple[float, bytes]:
    """Return the seconds that were heard, and the answer: long ones are written in the thread that heard them."""
    if format != "json":
        return told.duration, FORMATS[format].write(told).encode()
    answer = told.to_dict() | {"model": model}
    del answer["source"]  # a word of ours: what a client called its file is not known here
    return told.duration, JSONResponse(answer).body  # type: ignore[return-value]  # bytes, as rendered
