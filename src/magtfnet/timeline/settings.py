"""How speech is found, cut into windows, and smoothed to segments."""

from typing import Self

from pydantic import Field, model_validator

from magtfnet.config import Settings


class TimelineSettings(Settings):
    """Everything that decides a timeline beside the model.

    Args:
        window: seconds that are heard at once; longer is surer and slower.
        hop: seconds from one window to the next.
        smoothing: how much of the window before is kept, 0 for none: p = (1 - s) p_now + s p_before.
        margin: a label changes only where another is more probable by this much, so that it does not flicker.
        speech_on: probability at which speech begins.
        speech_off: probability below which it may have ended.
        min_silence: seconds of silence that end a stretch of speech.
        min_speech: seconds; shorter stretches are passed over.
        pad: seconds before and behind speech that belong to it.
    """

    window: float = Field(3.0, ge=0.5, le=60)
    hop: float = Field(1.0, ge=0.1, le=60)
    smoothing: float = Field(0.3, ge=0, lt=1)
    margin: float = Field(0.1, ge=0, lt=1)
    speech_on: float = Field(0.5, gt=0, lt=1)
    speech_off: float = Field(0.35, gt=0, lt=1)
    min_silence: float = Field(0.3, ge=0.1, le=10)
    min_speech: float = Field(0.25, ge=0.05, le=10)
    pad: float = Field(0.1, ge=0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.hop > self.window:
            raise ValueError(
                f"hop {self.hop:g} s must be at most window {self.window:g} s, or speech is passed over"
            )
        if self.speech_off > self.speech_on:
            raise ValueError(f"speech_off {self.speech_off:g} must be at most speech_on {self.speech_on:g}")
        if self.pad > self.min_silence:
            raise ValueError(f"pad {self.pad:g} s must be at most min_silence {self.min_silence:g} s")
        return self
