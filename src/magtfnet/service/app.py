"""The application: the interface, the page where it is installed, and the guard around both."""

from importlib.metadata import version
from typing import NoReturn

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from magtfnet.service import api, stream
from magtfnet.service.admission import METHODS
from magtfnet.service.guard import Guard
from magtfnet.service.page.mount import mount_page
from magtfnet.service.problems import ProblemError
from magtfnet.service.state import State

DESCRIPTION = "/v1/openapi.json"


def create_app(state: State, *, page: bool = False) -> FastAPI:
    """Return the application of a service.

    Args:
        state: of the service.
        page: with the page at ``/``, or, where gradio is not installed, with a line there that says so.
    """
    app = FastAPI(
        title="magtfnet",
        version=version("magtfnet"),
        description="Emotions in speech.",
        openapi_url=DESCRIPTION,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(api.routes(state))
    app.include_router(stream.routes(state))
    app.include_router(_elsewhere(app))
    app.add_exception_handler(RequestValidationError, _parameter)
    app.add_exception_handler(HTTPException, _not_here)
    app.add_middleware(Guard, state=state)
    return mount_page(app, state) if page else app


def _elsewhere(app: FastAPI) -> APIRouter:
    """Answer what our own addresses do not take, and those below /v1 that are none, before the page can."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=list(METHODS), response_model=None)
    @router.api_route("/readyz", methods=list(METHODS), response_model=None)
    @router.api_route("/metrics", methods=list(METHODS), response_model=None)
    @router.api_route("/v1/{rest:path}", methods=list(METHODS), response_model=None)
    async def unknown(request: Request) -> NoReturn:
        allowed = _methods(app, request.url.path)
        if allowed:
            raise ProblemError(
                "method", f"this address takes {', '.join(allowed)}", {"Allow": ", ".join(allowed)}
            )
        raise ProblemError("not-found", f"nothing is here; {DESCRIPTION} lists what there is")

    return router


def _methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods that an address takes, none where there is no such address."""
    described = {name.upper() for name in app.openapi()["paths"].get(path, {})}
    return sorted(described | ({"HEAD"} if "GET" in described else set()))


async def _parameter(request: Request, error: Exception) -> NoReturn:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        raise ProblemError("parameter", f"unknown parameter '{name}'; {DESCRIPTION} lists what there is")
    raise ProblemError("parameter", f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}; change the value")


async def _not_here(request: Request, error: Exception) -> NoReturn:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(_methods(request.app, request.url.path)) or "GET"
        raise ProblemError("method", f"this address takes {allowed}", {"Allow": allowed})
    if error.status_code == 404:
        raise ProblemError("not-found", f"nothing is here; {DESCRIPTION} lists what there is")
    raise ProblemError("malformed-body", f"{error.detail}; correct the request")
