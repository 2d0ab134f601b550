"""Digital silence before and behind a recording."""

import numpy as np

from magtfnet.audio.waveform import Waveform


def trim_silence(waveform: Waveform) -> tuple[Waveform, tuple[float, float]]:
    """Return a waveform without the zeros before and behind it, and how many seconds these were.

    Samples that are zero in all channels. A recording of zeros alone is returned as it is.
    """
    sounding = np.flatnonzero(
        waveform.samples if waveform.num_channels == 1 else waveform.samples.any(axis=0)
    )
    if not len(sounding):
        return waveform, (0.0, 0.0)
    first, end, rate = int(sounding[0]), int(sounding[-1]) + 1, waveform.sample_rate
    kept = Waveform(waveform.samples[..., first:end], rate)
    return kept, (first / rate, (waveform.num_samples - end) / rate)
