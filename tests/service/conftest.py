"""Services and sounds for them."""

import numpy as np
import pytest
import soundfile
from running_service import RATE, serving


@pytest.fixture(scope="module")
def service():
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def wav(tmp_path_factory):
    """The bytes of a WAV of seconds of a tone: (seconds, level) to bytes."""
    folder = tmp_path_factory.mktemp("sounds")

    def make(seconds=0.5, level=0.5, rate=RATE, suffix="wav", channels=1):
        path = folder / f"{seconds}-{level}-{rate}-{channels}.{suffix}"
        if not path.exists():
            tone = level * np.sin(np.arange(round(seconds * rate)) * 0.05)
            soundfile.write(path, np.stack([tone] * channels, axis=1), rate)
        return path.read_bytes()

    return make


@pytest.fixture(scope="session")
def talk(synthetic):
    """Some seconds of syllables with pauses, float32 at 16 kHz."""
    from magtfnet import read_audio

    parts = [np.zeros(RATE // 2, np.float32)]
    for utterance in list(synthetic)[::16]:
        parts += [read_audio(utterance.path).samples, np.zeros(RATE, np.float32)]
    return np.concatenate(parts)


@pytest.fixture(scope="session")
def talk_path(talk, tmp_path_factory):
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, talk, RATE)
    return path
