"""Streams: samples in pieces of any size, events out; the same events whatever the pieces were."""

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from magtfnet.audio import Waveform
from magtfnet.audio.prepare import mix_down
from magtfnet.audio.resample import ResampledStream
from magtfnet.audio.silero import SAMPLE_RATE
from magtfnet.errors import AudioPolicyError, StreamError
from magtfnet.recognizer.recognizer import EmotionRecognizer
from magtfnet.timeline.settings import TimelineSettings
from magtfnet.timeline.timeline import Event
from magtfnet.timeline.tracker import Tracker

if TYPE_CHECKING:
    from magtfnet.audio.waveform import Samples


class StreamingRecognizer:
    """Tells the emotions of one stream as it comes.

    A window is told when speech has been heard to its end, at most 32 ms later and what computing takes; a segment
    when its label changes or a pause ends it. Several streams share one ``EmotionRecognizer``.

    Args:
        recognizer: a recognizer, or what ``EmotionRecognizer.load`` takes; else the model that comes with magtfnet.
        sample_rate: of the samples, in Hz.
        settings: windows, smoothing, speech.
        channel: what the events say; the samples' channels are mixed as the model has it.

    Raises:
        AudioPolicyError: the model hears another rate than 16 kHz, or refuses to resample.
        StreamError: the rate is not positive.
    """

    def __init__(
        self,
        recognizer: EmotionRecognizer | str | os.PathLike[str] | None = None,
        *,
        sample_rate: int,
        settings: TimelineSettings = TimelineSettings(),
        channel: int = 0,
    ) -> None:
        if not isinstance(recognizer, EmotionRecognizer):
            recognizer = EmotionRecognizer.load(recognizer)
        audio = recognizer.engine.audio
        if not 0 < sample_rate < math.inf:
            raise StreamError(f"sample rate {sample_rate}; give a positive rate in Hz")
        if audio.sample_rate != SAMPLE_RATE:
            raise AudioPolicyError(
                "stream", f"a model at {audio.sample_rate} Hz", f"use one trained at {SAMPLE_RATE} Hz"
            )
        if sample_rate != SAMPLE_RATE and audio.resampling == "refuse":
            raise AudioPolicyError(
                "stream",
                f"sample rate {sample_rate} Hz, expected {SAMPLE_RATE} Hz",
                "resample it, or set audio.resampling to soxr_hq",
            )
        self.sample_rate = sample_rate
        self.classes = recognizer.labels.classes
        self._channels = audio.channels
        self._resampled = ResampledStream(sample_rate, SAMPLE_RATE, audio.resampling)
        self._tracker = Tracker(
            recognizer.engine.probabilities, self.classes, settings, channel, recognizer.unsure_below
        )
        self._samples = 0
        self._finished = False

    @property
    def seconds(self) -> float:
        """How much was pushed."""
        return self._samples / self.sample_rate

    @property
    def speaking(self) -> bool:
        """Whether speech is heard now."""
        return self._tracker.speaking

    def push(self, samples: npt.NDArray[Any]) -> list[Event]:
        """Take the next samples, (S,) or (channels, S), float in [-1, 1] or integers; return what they bring.

        Raises:
            InvalidSamplesError: NaN or infinite samples; the stream stays as it was.
            EmptyAudioError: more than two dimensions.
            AudioPolicyError: several channels, which the model refuses to mix.
            StreamError: the stream was finished.
        """
        if self._finished:
            raise StreamError("this stream was finished; begin another")
        if np.asarray(samples).size == 0:
            return []
        mono = mix_down(Waveform(samples, self.sample_rate), self._channels, "stream")
        self._samples += mono.num_samples
        return self._tracker.push(self._resampled.push(mono.samples))

    def finish(self) -> list[Event]:
        """End the stream; return what was still open.

        Raises:
            StreamError: it was finished before.
        """
        if self._finished:
            raise StreamError("this stream was finished; begin another")
        self._finished = True
        rest: Samples = self._resampled.finish()
        told = self._tracker.push(rest) + self._tracker.finish()
        # resampling may make a sample more of its end than it has
        return [replace(event, end=min(event.end, self.seconds)) for event in told]
