"""What a client may ask of the service: every limit with its default, its unit in its name, what happens beyond it."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from magtfnet.config import Settings, validated
from magtfnet.cores import cores
from magtfnet.errors import ConfigError
from magtfnet.recognizer.recognizer import LONGEST

MEBIBYTE = 1 << 20


class Limits(Settings):
    """The limits of a service; ``docs/service.md`` holds the same table."""

    body_mib: float = Field(32, gt=0, le=4096, description="body of a request; beyond it 413")
    pending_mib: float = Field(512, gt=0, description="bodies of all requests together; beyond it 503")
    body_seconds: float = Field(120, gt=0, description="until a body is there; beyond it 408")
    silent_seconds: float = Field(
        10,
        gt=0,
        description="between two pieces of a body, beyond it 408; or of an answer being read, beyond it closed",
    )
    head_seconds: float = Field(10, gt=0, description="until a request's head is there; beyond it 408")
    # Longer than common clients keep one (5 s to 60 s): it is they who close it, and not we while they ask again.
    keep_alive_seconds: float = Field(
        75, gt=0, description="a connection between two requests; beyond it closed"
    )
    connections: int = Field(1024, ge=1, description="open connections; beyond it 503")
    recording_seconds: float = Field(
        LONGEST, gt=0, le=LONGEST, description="recording given to /v1/predict; beyond it 422"
    )
    timeline_seconds: float = Field(
        7_200, gt=0, description="recording given to /v1/timeline, by_channel all its channels; beyond it 422"
    )
    overlap: float = Field(
        10, ge=1, description="windows of a timeline or stream over one moment, window / hop; beyond it 422"
    )
    channels: int = Field(8, ge=1, description="channels of a recording or stream; beyond it 422")
    sample_rate: int = Field(192_000, ge=1_000, description="Hz of a recording or stream; beyond it 422")
    workers: int = Field(default_factory=cores, ge=1, description="recordings or pieces heard at once")
    requests: int = Field(256, ge=1, description="recordings waiting or heard; beyond it 503")
    streams: int = Field(64, ge=1, description="streams at once; beyond it 503")
    stream_seconds: float = Field(
        14_400, gt=0, description="one stream, its sound and by the clock; beyond it closed, 1008"
    )
    idle_seconds: float = Field(30, gt=0, description="a stream without samples; beyond it closed, 1008")
    message_kib: float = Field(1024, gt=0, description="one message of a stream; beyond it closed, 1009")
    page_mib: float = Field(
        1024, gt=0, description="files that the page keeps for playing; beyond it 503 for more"
    )
    drain_seconds: float = Field(
        30, gt=0, description="for unfinished work after SIGTERM; beyond it abandoned"
    )


def parse_limits(given: Sequence[str]) -> Limits:
    """Return the defaults, changed by what was given as ``name=value``.

    Raises:
        ConfigError: another form, an unknown name, or a value that is refused.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"--limit '{text}' is not of the form NAME=VALUE, as body_mib=64; write it so")
        values[name.strip()] = value.strip()
    return validated(Limits, values, "limit.")
