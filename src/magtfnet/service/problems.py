"""What a client is told when something cannot be done: problem details for HTTP (RFC 9457), one line and a remedy."""

from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from magtfnet import errors

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Args:
        status: of HTTP.
        title: the same for every problem of the kind.
    """

    status: int
    title: str


KINDS = {
    "malformed-body": Kind(400, "A body that cannot be taken apart."),
    "unauthorized": Kind(401, "No token, or a wrong one."),
    "forbidden": Kind(403, "A name or an origin that is not this service's."),
    "not-found": Kind(404, "Nothing is here."),
    "unknown-model": Kind(404, "A model that is not served."),
    "method": Kind(405, "A method that this address does not take."),
    "late": Kind(408, "A request that did not come in time."),
    "too-large": Kind(413, "A body larger than the limit."),
    "parameter": Kind(422, "A parameter that is refused."),
    "empty-audio": Kind(422, "No bytes, or a header without samples."),
    "unreadable-audio": Kind(422, "Bytes that are not audio in a known format."),
    "truncated-audio": Kind(422, "Fewer samples than the header promises."),
    "invalid-samples": Kind(422, "Samples that are not finite."),
    "duration": Kind(422, "Too short or too long."),
    "audio-policy": Kind(422, "A rate or channel count that is refused."),
    "audio": Kind(422, "A recording that cannot be used."),
    "message": Kind(422, "A message of a stream that cannot be used."),
    "internal": Kind(500, "A mistake of the service."),
    "overloaded": Kind(503, "More work than the service takes at once."),
    "draining": Kind(503, "The service is being stopped."),
}
AUDIO_KINDS: dict[type[errors.MagtfnetError], str] = {
    errors.EmptyAudioError: "empty-audio",
    errors.UnreadableAudioError: "unreadable-audio",
    errors.TruncatedAudioError: "truncated-audio",
    errors.InvalidSamplesError: "invalid-samples",
    errors.DurationError: "duration",
    errors.AudioPolicyError: "audio-policy",
    errors.ConfigError: "parameter",
    errors.UnknownNameError: "parameter",
}


class ProblemBody(BaseModel):
    """What a client reads."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


@dataclass
class ProblemError(Exception):
    """A request that cannot be done.

    Args:
        kind: a name in ``KINDS``.
        detail: what was found, what was expected and what to do, in one line.
        headers: beside the ordinary ones.
    """

    kind: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail

    @property
    def status(self) -> int:
        """The status of HTTP."""
        return KINDS[self.kind].status

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the members of the problem."""
        return ProblemBody(
            type=f"urn:magtfnet:problem:{self.kind}",
            title=KINDS[self.kind].title,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
        ).model_dump()

    def response(self, request_id: str) -> JSONResponse:
        """Return the answer."""
        headers = {"X-Request-ID": request_id, **(self.headers or {})}
        return JSONResponse(
            self.body(request_id), status_code=self.status, media_type=MEDIA_TYPE, headers=headers
        )


def problem_of(error: errors.MagtfnetError) -> ProblemError:
    """Return the problem of a recording or value that cannot be used."""
    detail = " ".join(str(error).split())
    return ProblemError(AUDIO_KINDS.get(type(error), "audio"), detail)


def responses(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return what the description of the interface says of these kinds."""
    said: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status, title = KINDS[kind].status, KINDS[kind].title
        before = said.get(status, {"description": ""})["description"]
        said[status] = {
            "description": f"{before} {title}".strip(),
            "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}},
        }
    return said
