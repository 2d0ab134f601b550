"""The last samples of a stream, by their position since its beginning."""

import numpy as np

from magtfnet.audio.waveform import Samples


class Recent:
    """Samples that may still be asked for.

    Args:
        capacity: samples that are kept at least; memory is twice that and what is pushed at once.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._data = np.empty(2 * capacity, dtype=np.float32)
        self._first = 0  # position in the stream of _data[0]
        self.end = 0

    def push(self, samples: Samples) -> None:
        """Append samples (S,)."""
        held = self.end - self._first
        if held + len(samples) > len(self._data):
            kept = min(held, self._capacity)
            data = np.empty(max(2 * self._capacity, kept + len(samples)), dtype=np.float32)
            data[:kept] = self._data[held - kept : held]
            self._data, self._first, held = data, self.end - kept, kept
        self._data[held : held + len(samples)] = samples
        self.end += len(samples)

    def between(self, start: int, end: int) -> Samples:
        """Return a copy of the samples from position ``start`` to ``end``."""
        assert self._first <= start <= end <= self.end, (self._first, start, end, self.end)
        return self._data[start - self._first : end - self._first].copy()
