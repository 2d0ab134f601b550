"""The parameters of addresses, with what the description of the interface says of them; others are refused."""

from typing import Any, Literal

from pydantic import Field

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.service.limits import Limits
from magtfnet.timeline import TimelineSettings

Format = Literal["json", "csv", "textgrid", "vtt", "audacity", "rttm", "html"]


class ModelParameters(Settings):
    """Which model is heard."""

    model: str | None = Field(
        None, max_length=200, description="A name that /v1/models lists; else the first of them."
    )


class WindowParameters(ModelParameters):
    """How time is cut, of timelines and of streams; see ``TimelineSettings``."""

    window: float = Field(3.0, ge=0.5, le=60, description="Seconds that are heard at once.")
    hop: float = Field(1.0, ge=0.1, le=60, description="Seconds from one window to the next.")
    smoothing: float = Field(0.3, ge=0, lt=1, description="How much of the window before is kept.")
    margin: float = Field(
        0.1, ge=0, lt=1, description="A label changes only where another is more probable by this much."
    )

    def settings(self, limits: Limits) -> TimelineSettings:
        """Return the settings that they make.

        Raises:
            ConfigError: two that do not fit together, or more overlap than the limit.
        """
        values = self.model_dump(include={"window", "hop", "smoothing", "margin"})
        settings = validated(TimelineSettings, values)
        if settings.window > limits.overlap * settings.hop * (1 + 1e-9):
            raise ConfigError(
                f"window {settings.window:g} s every {settings.hop:g} s, at most {limits.overlap:g} windows "
                "over one moment are taken; give a larger hop"
            )
        return settings


class TimelineParameters(WindowParameters):
    """What a timeline is asked for with."""

    by_channel: bool = Field(
        False,
        description="Hear each channel by itself, as in calls with a speaker a side; else they are mixed.",
    )
    format: Format = Field("json", description="What is answered.")


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
