"""The outline of a recording in some hundred numbers, however long it becomes."""

import numpy as np

from magtfnet.audio.waveform import Samples

MOST = 2400
"""Numbers; a picture has fewer columns."""


class Envelope:
    """The highest amplitude of equal parts; where there are too many, two become one.

    Args:
        part: samples of a part at the beginning.
    """

    def __init__(self, part: int = 400) -> None:
        self._part = part
        self._peaks: list[float] = []
        self._open, self._highest = 0, 0.0

    def push(self, samples: Samples) -> None:
        """Take the next samples (S,)."""
        amplitudes = np.abs(samples)
        first = 0
        while first < len(amplitudes):
            piece = amplitudes[first : first + self._part - self._open]
            self._highest = max(self._highest, float(piece.max()))
            self._open += len(piece)
            first += len(piece)
            if self._open == self._part:
                self._peaks.append(self._highest)
                self._open, self._highest = 0, 0.0
                if len(self._peaks) == MOST:
                    self._peaks = [
                        max(pair) for pair in zip(self._peaks[::2], self._peaks[1::2], strict=True)
                    ]
                    self._part *= 2

    def peaks(self) -> tuple[float, ...]:
        """Return the amplitudes of the parts, the last of which may be shorter."""
        return (*self._peaks, *([self._highest] if self._open else []))
