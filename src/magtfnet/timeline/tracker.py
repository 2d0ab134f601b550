"""The one way from samples to events, for streams and for whole recordings.

Samples are taken in chunks of 32 ms counted from the beginning, whatever pieces they come in, and every window is
heard by itself: so the events do not depend on how the sound was cut.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from magtfnet.audio.silero import CHUNK, SAMPLE_RATE, VoiceActivity
from magtfnet.audio.waveform import Samples
from magtfnet.timeline.labels import Labels
from magtfnet.timeline.recent import Recent
from magtfnet.timeline.settings import TimelineSettings
from magtfnet.timeline.speech import Speech, Stretch
from magtfnet.timeline.timeline import Event

Hear = Callable[[Sequence[Samples]], npt.NDArray[np.float64]]
"""Waveforms (S_i,) at 16 kHz to probabilities (B, K)."""


class Tracker:
    """Events of one channel at 16 kHz.

    Args:
        hear: what asks the model.
        classes: in the order of its probabilities.
        settings: how speech is found and labelled.
        channel: of the events.
        unsure_below: a label of a lower probability is "not sure".
    """

    def __init__(
        self,
        hear: Hear,
        classes: Sequence[str],
        settings: TimelineSettings,
        channel: int = 0,
        unsure_below: float = 0.0,
    ) -> None:
        self._hear = hear
        self._voice = VoiceActivity()
        self._speech = Speech(settings, SAMPLE_RATE)
        self._labels = Labels(classes, settings, channel, unsure_below)
        self._window = round(settings.window * SAMPLE_RATE)
        self._hop = round(settings.hop * SAMPLE_RATE)
        kept = settings.window + settings.min_speech + 2 * settings.min_silence
        self._recent = Recent(round(kept * SAMPLE_RATE) + 2 * CHUNK)
        self._position = 0  # up to where voice activity is known
        self._next: int | None = None  # start of the next window in this stretch
        self._covered = 0  # end of the last window in this stretch

    @property
    def speaking(self) -> bool:
        """Whether speech is heard now."""
        return self._speech.speaking

    def push(self, samples: Samples) -> list[Event]:
        """Take the next samples (S,), any number; return what they bring."""
        events: list[Event] = []
        for first in range(0, len(samples), CHUNK):
            self._recent.push(samples[first : first + CHUNK])
            while self._recent.end - self._position >= CHUNK:
                chunk = self._recent.between(self._position, self._position + CHUNK)
                events += self._step(self._voice(chunk))
        return events

    def finish(self) -> list[Event]:
        """End the stream; return what was still open."""
        events: list[Event] = []
        rest = self._recent.between(self._position, self._recent.end)
        if len(rest):
            chunk = np.zeros(CHUNK, dtype=np.float32)
            chunk[: len(rest)] = rest
            events += self._follow(self._speech.hear(self._voice(chunk), self._position, self._recent.end))
        return events + self._follow(self._speech.close(self._recent.end))

    def _step(self, probability: float) -> list[Event]:
        start, self._position = self._position, self._position + CHUNK
        return self._follow(self._speech.hear(probability, start, self._position))

    def _follow(self, stretch: Stretch | None) -> list[Event]:
        if stretch is None:
            if not self._speech.speaking:
                self._next = None
            return []
        if self._next is None:
            self._next, self._covered = stretch.start, stretch.start
        events: list[Event] = []
        while self._next + self._window <= stretch.heard:
            events += self._window_at(self._next, self._next + self._window, stretch.start)
            self._next += self._hop
        if stretch.end is not None:
            if self._covered == stretch.start or stretch.end - self._covered >= self._hop / 2:
                events += self._window_at(
                    max(stretch.start, stretch.end - self._window), stretch.end, stretch.start
                )
            events += self._labels.close(stretch.end / SAMPLE_RATE)
            self._next = None
        return events

    def _window_at(self, start: int, end: int, begins: int) -> list[Event]:
        self._covered = end
        probabilities = self._hear([self._recent.between(start, end)])[0].tolist()
        return self._labels.add(start / SAMPLE_RATE, end / SAMPLE_RATE, probabilities, begins / SAMPLE_RATE)
