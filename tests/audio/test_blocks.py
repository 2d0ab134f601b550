"""A recording block by block is the recording: from a path, from bytes, mixed down and resampled."""

import numpy as np
import pytest
import soundfile

from magtfnet import AudioPolicyError, EmptyAudioError, TruncatedAudioError, UnreadableAudioError, read_audio
from magtfnet.audio.blocks import open_recording
from magtfnet.audio.prepare import prepare, prepare_blocks
from magtfnet.config import AudioConfig


@pytest.fixture
def path(tmp_path, generator):
    path = tmp_path / "call.flac"
    soundfile.write(path, 0.3 * generator.standard_normal((100_003, 2)), 44_100)
    return path


def test_bytes_are_read_as_their_file_is(path):
    with open_recording(path) as file, open_recording(path.read_bytes()) as memory:
        assert memory.name == "recording"
        assert (memory.sample_rate, memory.num_channels, memory.num_samples) == (44_100, 2, 100_003)
        for one, other in zip(file.blocks(0.3), memory.blocks(0.3), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("channels", ["mean", "second"])
def test_prepared_block_by_block_is_prepared_whole(path, channels):
    config = AudioConfig(channels=channels)
    with open_recording(path) as recording:
        parts = prepare_blocks(recording, config)
    whole = prepare(read_audio(path), config)
    assert parts.sample_rate == whole.sample_rate == 16_000
    assert np.array_equal(parts.samples, whole.samples)


def test_what_cannot_be_used_is_named(path):
    data = path.read_bytes()
    for bad, error, words in (
        (b"", EmptyAudioError, "recording: an empty file"),
        (b"words", UnreadableAudioError, "recording: not audio in a known format"),
        (data[:5000], TruncatedAudioError, "recording: "),
    ):
        with pytest.raises(error, match=words), open_recording(bad) as recording:
            list(recording.blocks(1.0))
    with (
        open_recording(data) as recording,
        pytest.raises(AudioPolicyError, match="sample rate 44100 Hz, expected 16000 Hz"),
    ):
        prepare_blocks(recording, AudioConfig(resampling="refuse"))
