"""The spectrogram of a recording as a picture: power in decibels, dark where it is loud."""

import base64
import io

import numpy as np
from PIL import Image

from magtfnet.audio.waveform import Samples

COLUMNS, WINDOW = 1200, 512
"""Of the picture; samples that are transformed at once."""
RANGE = 80.0
"""Decibels below the loudest that are still drawn."""


def spectrogram_picture(samples: Samples) -> str:
    """Return the spectrogram of samples (S,) as a data URL of a PNG, time to the right, frequency upwards.

    However long a recording is, ``COLUMNS`` windows of it are transformed at most.
    """
    padded = np.pad(samples, (WINDOW // 2, WINDOW // 2))
    starts = np.linspace(0, len(samples) - 1, min(COLUMNS, max(1, len(samples) // 64))).astype(np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2  # (T, F)
    decibels = 10 * np.log10(power + 1e-12)
    loudest = decibels.max()
    darkness = np.clip((decibels - loudest + RANGE) / RANGE, 0, 1)
    grey = np.round(255 * (1 - darkness)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey.T[::-1]).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
