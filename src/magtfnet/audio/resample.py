"""The only place where a sample rate changes."""

import numpy as np
import soxr

from magtfnet.audio.waveform import Samples, Waveform

QUALITIES = {"soxr_vhq": "VHQ", "soxr_hq": "HQ", "soxr_mq": "MQ"}


def resample(waveform: Waveform, sample_rate: int, quality: str = "soxr_hq") -> Waveform:
    """Return the waveform at another rate, band-limited by soxr; the same object where the rate is right already.

    Args:
        waveform: samples (S,) or (channels, S).
        sample_rate: the wanted rate in Hz.
        quality: a name in ``QUALITIES``.
    """
    if waveform.sample_rate == sample_rate:
        return waveform
    samples = soxr.resample(waveform.samples.T, waveform.sample_rate, sample_rate, quality=QUALITIES[quality])
    return Waveform(np.ascontiguousarray(samples.T), sample_rate)


class ResampledStream:
    """One channel at another rate, piece by piece; together the pieces are what ``resample`` gives of the whole.

    Args:
        from_rate: of what is pushed, in Hz.
        to_rate: of what is returned, in Hz.
        quality: a name in ``QUALITIES``; anything where the rates are the same.
    """

    def __init__(self, from_rate: int, to_rate: int, quality: str = "soxr_hq") -> None:
        self._stream: soxr.ResampleStream | None = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(
                from_rate, to_rate, 1, dtype="float32", quality=QUALITIES[quality]
            )

    def push(self, samples: Samples) -> Samples:
        """Return what the next samples (S,) bring, perhaps nothing yet."""
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def finish(self) -> Samples:
        """Return what was still held back."""
        nothing = np.zeros(0, dtype=np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)
