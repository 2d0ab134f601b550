"""What the interface answers, as the description of the interface has it."""

from typing import Any

from pydantic import BaseModel


class PredictionAnswer(BaseModel):
    """The emotion of one recording."""

    model: str
    label: str
    sure: bool
    probabilities: dict[str, float]
    duration: float


class SegmentAnswer(BaseModel):
    """A stretch of speech with one emotion; see ``magtfnet.timeline.Segment``."""

    start: float
    end: float
    label: str
    sure: bool
    confidence: float
    windows: int
    channel: int


class WindowAnswer(BaseModel):
    """What was heard in some seconds of speech; see ``magtfnet.timeline.Window``."""

    start: float
    end: float
    label: str
    sure: bool
    channel: int
    probabilities: list[float]
    smoothed: list[float]


class TimelineAnswer(BaseModel):
    """The emotions of a recording along time; see ``magtfnet.timeline.Timeline``."""

    model: str
    duration: float
    channels: int
    classes: list[str]
    settings: dict[str, float]
    segments: list[SegmentAnswer]
    windows: list[WindowAnswer]


class ModelAnswer(BaseModel):
    """A model that is served."""

    name: str
    default: bool
    classes: list[str]
    licence: str
    corpus: str
    scores: list[str]
    unsure_below: float
    bytes: int
    sha256: str


class ModelsAnswer(BaseModel):
    """All models that are served."""

    models: list[ModelAnswer]


class HealthAnswer(BaseModel):
    """Whether the service lives, and whether it takes work."""

    status: str


def model_answer(name: str, about: dict[str, Any], *, default: bool) -> ModelAnswer:
    """Return what is told of a model: nothing of where it lies."""
    told = {
        key: about[key]
        for key in ("classes", "licence", "corpus", "scores", "unsure_below", "bytes", "sha256")
    }
    return ModelAnswer(name=name, default=default, **told)
