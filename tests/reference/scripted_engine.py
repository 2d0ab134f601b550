"""An engine that answers by the loudness of what it hears: nothing learnt, everything predictable."""

import numpy as np

from magtfnet.config import AudioConfig
from magtfnet.labels import LabelSet


class LoudnessEngine:
    """Loud is anger, soft is sadness; ``heard`` keeps how long each window was."""

    unsure_below = 0.0

    def __init__(self, audio=AudioConfig()):
        self.labels = LabelSet(("anger", "neutral", "sadness"))
        self.audio = audio
        self.heard = []

    def probabilities(self, waveforms):
        rows = []
        for samples in waveforms:
            self.heard.append(len(samples))
            share = float(np.clip(np.sqrt(np.mean(samples**2)) / 0.2, 0, 1))
            rows.append([0.9 * share, 0.1, 0.9 * (1 - share)])
        return np.array(rows)
