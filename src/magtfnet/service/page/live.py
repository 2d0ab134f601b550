"""One recording that is being made in a browser: heard as it comes, and kept until it is heard as a whole."""

from contextlib import ExitStack

import numpy as np

from magtfnet.audio.io import MIN_DURATION
from magtfnet.audio.waveform import Samples, Waveform
from magtfnet.errors import DurationError
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.recognizer.streaming import StreamingRecognizer
from magtfnet.service.hearing import refuse_form
from magtfnet.service.limits import Limits
from magtfnet.service.work import Work
from magtfnet.timeline import Window


class Live:
    """A stream of the page; it counts as one of the service's.

    Stopping does not wait for it: its pieces come in requests of their own, which are refused then.

    Args:
        recognizer: what hears.
        limits: of the service.
        work: where it takes its place.

    Raises:
        ProblemError: as many streams are open as are taken.
    """

    def __init__(self, recognizer: EmotionRecognizer, limits: Limits, work: Work) -> None:
        self.recognizer, self.limits = recognizer, limits
        self.last: Window | None = None
        self._stream: StreamingRecognizer | None = None
        self._parts: list[Samples] = []
        self._samples = 0
        self._place = ExitStack()
        self._place.enter_context(work.stream(waited_for=False))

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return 0.0 if self._stream is None else self._stream.seconds

    def push(self, piece: Waveform) -> None:
        """Hear the next piece.

        Raises:
            AudioError: a rate or channels beyond a limit, or a recording that has become too long.
        """
        if self._stream is None:
            refuse_form("recording", piece.sample_rate, piece.num_channels, self.limits)
            self._stream = StreamingRecognizer(self.recognizer, sample_rate=piece.sample_rate)
        if self.seconds + piece.duration > self.limits.recording_seconds:
            raise DurationError(
                "recording",
                f"more than {self.limits.recording_seconds:g} s of audio",
                "what came before is kept; end the recording",
            )
        for event in self._stream.push(piece.samples):
            if isinstance(event, Window):
                self.last = event
        mono = piece.samples if piece.samples.ndim == 1 else piece.samples.mean(axis=0)
        self._parts.append(mono.astype(np.float32))

    def whole(self) -> Waveform:
        """Return everything that was heard.

        Raises:
            DurationError: less than one analysis window.
        """
        if self._stream is None or self.seconds < MIN_DURATION:
            raise DurationError(
                "recording", f"{self.seconds:.3f} s of audio", f"record at least {MIN_DURATION} s"
            )
        return Waveform(np.concatenate(self._parts), self._stream.sample_rate)

    def close(self) -> None:
        """Give the place back; may be called again."""
        self._place.close()
