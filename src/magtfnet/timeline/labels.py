"""From the probabilities of windows to segments: smoothed, and with a label that changes only by a margin."""

from collections.abc import Sequence

from magtfnet.timeline.settings import TimelineSettings
from magtfnet.timeline.timeline import Event, Segment, Window


class Labels:
    """Follows the windows of one stretch of speech after another.

    A window's label holds around its middle: from half-way to the window before until half-way to the next.

    Args:
        classes: names in the order of the probabilities.
        settings: smoothing and margin.
        channel: of all segments.
        unsure_below: a label of a lower smoothed probability is "not sure".
    """

    def __init__(
        self,
        classes: Sequence[str],
        settings: TimelineSettings,
        channel: int = 0,
        unsure_below: float = 0.0,
    ) -> None:
        self.classes = tuple(classes)
        self.settings = settings
        self.channel = channel
        self.unsure_below = unsure_below
        self._smoothed: tuple[float, ...] = ()
        self._label = 0
        self._start = 0.0
        self._sum, self._count, self._middle = 0.0, 0, 0.0

    def add(self, start: float, end: float, probabilities: Sequence[float], begins: float) -> list[Event]:
        """Take the next window of a stretch that began at ``begins``; return it, behind the segment that it ends."""
        middle = (start + end) / 2
        events: list[Event] = []
        if not self._count:
            self._smoothed = tuple(probabilities)
            self._label, self._start = _highest(self._smoothed), begins
        else:
            kept = self.settings.smoothing
            pairs = zip(probabilities, self._smoothed, strict=True)
            self._smoothed = tuple((1 - kept) * now + kept * before for now, before in pairs)
            highest = _highest(self._smoothed)
            if self._smoothed[highest] - self._smoothed[self._label] > self.settings.margin:
                boundary = (self._middle + middle) / 2
                events.append(self._segment(boundary))
                self._label, self._start, self._sum, self._count = highest, boundary, 0.0, 0
        self._sum += self._smoothed[self._label]
        self._count += 1
        self._middle = middle
        name, sure = self.classes[self._label], self._smoothed[self._label] >= self.unsure_below
        events.append(Window(start, end, tuple(probabilities), self._smoothed, name, self.channel, sure))
        return events

    def close(self, end: float) -> list[Event]:
        """End the stretch; return its last segment."""
        if not self._count:
            return []
        segment = self._segment(end)
        self._sum, self._count = 0.0, 0
        return [segment]

    def _segment(self, end: float) -> Segment:
        confidence = self._sum / self._count
        name, sure = self.classes[self._label], confidence >= self.unsure_below
        return Segment(self._start, end, name, confidence, self._count, self.channel, sure)


def _highest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
