"""The only place where a sample rate changes."""

import numpy as np
import soxr

from magtfnet.audio.waveform import Waveform

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
