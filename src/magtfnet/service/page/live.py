"""One recording that is being made in a browser: heard as it comes, and kept until it is heard as a whole."""

import asyncio
from contextlib import ExitStack

import numpy as np

from magtfnet.audio.blocks import open_recording
from magtfnet.audio.io import MIN_DURATION
from magtfnet.audio.prepare import BLOCK_SECONDS, mix_down
from magtfnet.audio.resample import ResampledStream
from magtfnet.audio.waveform import Samples, Waveform
from magtfnet.errors import DurationError
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.recognizer.streaming import StreamingRecognizer
from magtfnet.service.hearing import refuse_form
from magtfnet.service.limits import Limits
from magtfnet.service.page.answer import answer
from magtfnet.service.work import Work
from magtfnet.timeline import Window


class Live:
    """A stream of the page; with its first piece it counts as one of the service's.

    Its pieces are heard one after another, however many requests bring them at once. Stopping does not wait for it:
    its pieces come in requests of their own, which are refused then.

    Args:
        recognizer: what hears.
        limits: of the service.
        work: where it takes its place.
    """

    def __init__(self, recognizer: EmotionRecognizer, limits: Limits, work: Work) -> None:
        self.recognizer, self.limits, self.work = recognizer, limits, work
        self.last: Window | None = None
        self._stream: StreamingRecognizer | None = None
        self._kept: ResampledStream | None = None
        self._parts: list[Samples] = []  # at the model's rate, so that a browser's own cannot make them large
        self._turn = asyncio.Lock()
        self._place: ExitStack | None = None
        self._ended = False

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return 0.0 if self._stream is None else self._stream.seconds

    async def hear(self, data: bytes) -> None:
        """Hear the next piece, a file of its own, behind those that came before; nothing where it has ended.

        Raises:
            ProblemError: as many recordings or streams are open as are taken.
            AudioError: it cannot be used, or is beyond a limit.
        """
        async with self._turn:
            if self._ended:
                return
            if self._place is None:
                with ExitStack() as place:
                    place.enter_context(self.work.stream(waited_for=False))
                    self._place = place.pop_all()
            with self.work.request():
                await self.work.run(self._take, data)

    async def end(self) -> str:
        """Return what is to be shown of the whole, behind its last piece.

        Raises:
            ProblemError: as many recordings are under way as are taken.
            DurationError: less than one analysis window.
        """
        try:
            async with self._turn:
                self._ended = True
                with self.work.request():
                    return await self.work.recording(
                        lambda: answer(self.recognizer, self._whole(), self.limits)
                    )
        finally:
            self.close()

    def close(self) -> None:
        """Give the place back; may be called again."""
        self._ended = True
        if self._place is not None:
            self._place.close()

    def _take(self, data: bytes) -> None:
        """Hear a piece in blocks; its header is held against the limits before a sample is decoded."""
        with open_recording(data) as piece:
            refuse_form(piece.name, piece.sample_rate, piece.num_channels, self.limits)
            if self.seconds + piece.duration > self.limits.recording_seconds:
                raise DurationError(
                    "recording",
                    f"more than {self.limits.recording_seconds:g} s of audio",
                    "what came before is kept; end the recording",
                )
            for block in piece.blocks(BLOCK_SECONDS):
                self._push(Waveform(block, piece.sample_rate))

    def _push(self, block: Waveform) -> None:
        if self._stream is None or self._kept is None:
            audio = self.recognizer.engine.audio
            self._stream = StreamingRecognizer(self.recognizer, sample_rate=block.sample_rate)
            self._kept = ResampledStream(block.sample_rate, audio.sample_rate, audio.resampling)
        for event in self._stream.push(block.samples):
            if isinstance(event, Window):
                self.last = event
        mono = mix_down(block, self.recognizer.engine.audio.channels, "recording")
        self._parts.append(self._kept.push(mono.samples))

    def _whole(self) -> Waveform:
        if self._kept is None or self.seconds < MIN_DURATION:
            raise DurationError(
                "recording", f"{self.seconds:.3f} s of audio", f"record at least {MIN_DURATION} s"
            )
        samples = np.concatenate([*self._parts, self._kept.finish()])
        return Waveform(samples, self.recognizer.engine.audio.sample_rate)
