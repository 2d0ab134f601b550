"""Speech for timelines: synthetic syllables that Silero's detector takes for speech, with pauses between."""

import numpy as np
import pytest
from scripted_engine import LoudnessEngine

from magtfnet import EmotionRecognizer, read_audio

RATE = 16_000


@pytest.fixture
def engine():
    return LoudnessEngine()


@pytest.fixture
def recognizer(engine):
    return EmotionRecognizer(engine)


@pytest.fixture(scope="session")
def call(synthetic):
    """Half a minute: utterances, soft and loud, between pauses of 0.8 s."""
    generator = np.random.default_rng(3)
    parts = [1e-4 * generator.standard_normal(RATE)]
    for number, utterance in enumerate(list(synthetic)[::4][:9]):
        samples = read_audio(utterance.path).samples
        parts += [samples * (0.9 if number % 2 else 0.15) / np.abs(samples).max()]
        parts += [1e-4 * generator.standard_normal(round(0.8 * RATE))]
    return np.concatenate(parts).astype(np.float32)
