"""From probabilities of speech to stretches of it: begun by a high one, ended by a pause."""

from dataclasses import dataclass

from magtfnet.timeline.settings import TimelineSettings


@dataclass(frozen=True)
class Stretch:
    """Speech from ``start``, surely until ``heard``; ``end`` is known once a pause has ended it. In samples."""

    start: int
    heard: int
    end: int | None = None


class Speech:
    """Follows the probabilities of one stream.

    Args:
        settings: thresholds and times.
        sample_rate: that positions count in.
    """

    def __init__(self, settings: TimelineSettings, sample_rate: int) -> None:
        self.settings = settings
        self._min_silence = round(settings.min_silence * sample_rate)
        self._min_speech = round(settings.min_speech * sample_rate)
        self._pad = round(settings.pad * sample_rate)
        self._begun: int | None = None  # where speech began, without the pad
        self._heard = 0
        self._ended = 0  # the end of the stretch before

    @property
    def speaking(self) -> bool:
        """Whether a stretch has begun and not ended."""
        return self._begun is not None

    def hear(self, probability: float, start: int, end: int) -> Stretch | None:
        """Take the probability of the samples from ``start`` to ``end``; return the stretch that they are in.

        A stretch is told from where it is long enough; one that never is, by none.
        """
        if self._begun is None:
            if probability < self.settings.speech_on:
                return None
            self._begun = start
        if probability >= self.settings.speech_off:
            self._heard = end
        if end - self._heard < self._min_silence:
            long_enough = self._heard - self._begun >= self._min_speech
            return Stretch(self._start(), self._heard) if long_enough else None
        return self.close(self._heard + self._pad)

    def close(self, end: int) -> Stretch | None:
        """End the stretch at ``end`` at the latest, and return it where it was long enough."""
        if self._begun is None:
            return None
        start, begun = self._start(), self._begun
        self._begun = None
        if self._heard - begun < self._min_speech:
            return None
        self._ended = min(self._heard + self._pad, end)
        return Stretch(start, self._heard, self._ended)

    def _start(self) -> int:
        assert self._begun is not None
        return max(self._begun - self._pad, self._ended)
