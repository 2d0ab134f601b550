"""The parameters that several addresses take, with what the description of the interface says of them."""

from typing import Annotated, Any

from fastapi import Depends, Query

from magtfnet.config import validated
from magtfnet.errors import ConfigError
from magtfnet.service.limits import Limits
from magtfnet.timeline import TimelineSettings

ModelName = Annotated[
    str | None, Query(max_length=200, description="A name that /v1/models lists; else the first of them.")
]
ByChannel = Annotated[
    bool,
    Query(description="Hear each channel by itself, as in calls with a speaker a side; else they are mixed."),
]


def _given(
    window: Annotated[float, Query(ge=0.5, le=60, description="Seconds that are heard at once.")] = 3.0,
    hop: Annotated[float, Query(ge=0.1, le=60, description="Seconds from one window to the next.")] = 1.0,
    smoothing: Annotated[
        float, Query(ge=0, lt=1, description="How much of the window before is kept.")
    ] = 0.3,
    margin: Annotated[
        float,
        Query(ge=0, lt=1, description="A label changes only where another is more probable by this much."),
    ] = 0.1,
) -> dict[str, float]:
    return {"window": window, "hop": hop, "smoothing": smoothing, "margin": margin}


TimelineValues = Annotated[dict[str, float], Depends(_given)]


def timeline_settings(values: dict[str, float], limits: Limits) -> TimelineSettings:
    """Return the settings that parameters make.

    Raises:
        ConfigError: two that do not fit together, or more overlap than the limit.
    """
    settings = validated(TimelineSettings, values)
    if settings.window > limits.overlap * settings.hop * (1 + 1e-9):
        raise ConfigError(
            f"window {settings.window:g} s every {settings.hop:g} s, at most {limits.overlap:g} windows "
            "over one moment are taken; give a larger hop"
        )
    return settings


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "WAV, FLAC, OGG, MP3 or AIFF, known by its content: as the body, or as the file of a form.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
"""Of the description of the interface: bodies are read by us, so that they stay in memory and within the limits."""
