"""Who and what is let in: this service's own names, pages of its own, the token, the addresses there are.

A browser on the same machine reaches a service that listens to this machine alone, and so does any page that is open
in it: by a name of its own that it lets point here, or by asking across origins. Both are refused by what browsers
always send.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from magtfnet.service.problems import ProblemError
from magtfnet.service.state import State

OPEN = ("/healthz", "/readyz")
"""Answered without a token, and while the service is being stopped."""
ANSWERED_WHILE_DRAINING = (*OPEN, "/metrics")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UPLOAD = "/gradio_api/upload"
"""Where gradio takes the files of the page."""
FILE = "/gradio_api/file="
"""Before the path of a file that the page plays."""
PAGE = (
    *("/", "/config", "/theme.css", "/favicon.ico", UPLOAD),
    *(f"/gradio_api/{name}" for name in ("upload_progress", "queue/join", "queue/data", "info")),
    *(f"/gradio_api/{name}" for name in ("startup-events", "cancel", "reset")),
)
BELOW_PAGE = ("/assets/", "/static/", "/gradio_api/stream/", "/gradio_api/heartbeat/")
"""What gradio's page asks for; gradio answers much more, which writes, fetches or runs what a client names."""


def is_ours(path: str) -> bool:
    """Tell whether a path is the service's own, not its page's."""
    return path.startswith("/v1/") or path in ANSWERED_WHILE_DRAINING


def refuse(state: State, scope: Scope) -> None:
    """Refuse what is not let in.

    Raises:
        ProblemError: another name or origin, an address that is none, no token, or the service is being stopped.
    """
    headers, path = Headers(scope=scope), scope["path"]
    if path not in OPEN:  # who asks whether the service lives asks by an address, and is told nothing else
        _refuse_others(state, headers)
    if state.token is not None and path not in OPEN and not state.token.admits(headers.get("authorization")):
        scheme = "Bearer" if path.startswith("/v1/") or path == "/metrics" else 'Basic realm="magtfnet"'
        raise ProblemError(
            "unauthorized",
            "this service wants its token; send 'Authorization: Bearer TOKEN', or the token as password",
            {"WWW-Authenticate": scheme},
        )
    if state.draining.is_set() and path not in ANSWERED_WHILE_DRAINING:
        raise ProblemError(
            "draining",
            "the service is being stopped; ask again in some seconds",
            {"Retry-After": "5", "Connection": "close"},
        )
    if scope["type"] == "http" and scope["method"] not in METHODS:
        raise ProblemError(
            "method", "a method that no address here takes; use GET or POST", {"Allow": "GET, POST"}
        )
    if not (is_ours(path) or _on_page(path, state.kept)):
        raise ProblemError("not-found", "nothing is here; /v1/openapi.json lists what there is")


def _refuse_others(state: State, headers: Headers) -> None:
    """Refuse a name that is not the service's, and pages of other origins."""
    host, origin = headers.get("host", "").lower(), headers.get("origin")
    if state.names is not None and name_of(host) not in state.names:
        raise ProblemError(
            "forbidden", "a Host that is not this service's; ask by its own name, or give --allow-host NAME"
        )
    if origin is not None and _host_of(origin.lower()) != host:
        raise ProblemError(
            "forbidden", "an Origin that is not this service's; ask without a browser, or from its own page"
        )


def _host_of(origin: str) -> str | None:
    """Return whom an origin names with its port; None where it is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # of '[' without its ']'
        return None


def names(host: str, allowed: Iterable[str] = ()) -> frozenset[str] | None:
    """Return the names by which a service that listens at ``host`` is asked; None for any.

    Args:
        host: where it listens; this machine alone has three names.
        allowed: more names, as those of a reverse proxy.
    """
    more = frozenset(name.lower() for name in allowed)
    if is_loopback(host):
        return more | {"127.0.0.1", "localhost", "[::1]", name_of(host.lower())}
    return more | {name_of(host.lower())} if more else None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def name_of(host: str) -> str:
    """Return a header ``Host`` without its port, an IPv6 address in brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return f"[{host}]" if host.count(":") > 1 else host.partition(":")[0]


def _on_page(path: str, kept: Path | None) -> bool:
    """Tell whether the page asks for a path; of files only for those that were sent here."""
    if path.startswith(FILE):
        named = path.removeprefix(FILE)
        return kept is not None and "\0" not in named and Path(named).resolve().is_relative_to(kept.resolve())
    return path in PAGE or path.startswith(BELOW_PAGE)
