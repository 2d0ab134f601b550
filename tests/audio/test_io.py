"""Reading recordings: every format at any rate, and a named error for every one that cannot be used."""

import io
import os
import signal
import struct
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from magtfnet import (
    AudioError,
    AudioFolderError,
    AudioNotFoundError,
    DurationError,
    EmotionRecognizer,
    EmptyAudioError,
    InvalidSamplesError,
    StorageError,
    TruncatedAudioError,
    UnreadableAudioError,
    read_audio,
)
from magtfnet.audio.blocks import open_recording
from magtfnet.audio.containers import FileBytes, Nameless
from magtfnet.audio.io import read_header
from magtfnet.audio.mpeg import count_samples

FORMATS = [
    ("WAV", "PCM_U8", 0.02),
    ("WAV", "PCM_16", 1e-4),
    ("WAV", "PCM_24", 1e-6),
    ("WAV", "PCM_32", 1e-6),
    ("WAV", "FLOAT", 1e-6),
    ("WAV", "DOUBLE", 1e-6),
    ("WAV", "ULAW", 0.03),
    ("WAVEX", "PCM_16", 1e-4),
    ("AIFF", "PCM_16", 1e-4),
    ("FLAC", "PCM_16", 1e-4),
    ("FLAC", "PCM_24", 1e-6),
    ("OGG", "VORBIS", 0.1),
    ("OGG", "OPUS", 0.15),
    ("MP3", "MPEG_LAYER_III", 0.1),
]


def tone(rate=16_000, seconds=0.5, channels=1):
    time = np.arange(int(rate * seconds)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 300 * time)
    return wave if channels == 1 else np.stack([wave, *([0.5 * wave] * (channels - 1))], axis=1)


def written(path, samples, rate=16_000, container="WAV", subtype="PCM_16"):
    soundfile.write(path, samples, rate, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize(("container", "subtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("name", ["right", "wrong.wav", "no_suffix"])
def test_formats_are_known_by_content(tmp_path, container, subtype, tolerance, name):
    path = written(tmp_path / name, tone(48_000), 48_000, container, subtype)
    waveform = read_audio(path)
    assert waveform.sample_rate == 48_000
    assert waveform.samples.dtype == np.float32
    assert waveform.samples.ndim == 1
    if container not in ("OGG", "MP3"):  # these may add or move some samples
        assert waveform.num_samples == 24_000
        np.testing.assert_allclose(waveform.samples, tone(48_000), atol=tolerance)
    assert np.abs(waveform.samples[4_000:20_000]).max() == pytest.approx(0.5, abs=tolerance)


@pytest.mark.parametrize("rate", [8_000, 11_025, 24_414, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rate_and_channels_are_the_files_own(tmp_path, rate, channels):
    waveform = read_audio(written(tmp_path / "x.wav", tone(rate, channels=channels), rate))
    assert (waveform.sample_rate, waveform.num_channels) == (rate, channels)
    assert waveform.duration == pytest.approx(0.5, abs=1e-3)
    if channels > 1:
        np.testing.assert_allclose(waveform.samples[1], 0.5 * waveform.samples[0], atol=1e-4)


def test_full_scale_integers_are_minus_one(tmp_path):
    samples = np.array([-32768, 32767, 0, 16384] * 200, dtype=np.int16)
    waveform = read_audio(written(tmp_path / "x.wav", samples))
    assert waveform.samples[:4].tolist() == pytest.approx([-1, 32767 / 32768, 0, 0.5], abs=1e-7)


def test_a_part_of_a_recording(tmp_path):
    ramp = (np.arange(16_000) / 32_768).astype(np.float32)
    path = written(tmp_path / "x.wav", ramp)
    part = read_audio(path, start=0.25, end=0.5)
    assert part.num_samples == 4_000
    assert part.samples[0] == pytest.approx(4_000 / 32_768, abs=1e-4)
    assert (
        read_audio(path, start=0.9, end=1.005).num_samples == 1_600
    )  # tables round: 10 ms past the end is the end
    for start, end in ((0.5, 0.5), (0.6, 0.5), (2.0, None), (0, 1.2), (-1, 0.5)):
        with pytest.raises(DurationError, match=r"a part from .* in 1.000 s of audio; correct start and end"):
            read_audio(path, start=start, end=end)


def test_missing_folder_empty_and_special_files(tmp_path):
    with pytest.raises(AudioNotFoundError, match=r"x\.wav: no such file; check the path"):
        read_audio(tmp_path / "x.wav")
    with pytest.raises(
        AudioFolderError, match="a folder where a recording was expected; name the files in it"
    ):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(EmptyAudioError, match=r"an empty file \(0 bytes\); copy or record it again"):
        read_audio(tmp_path / "empty.wav")
    with pytest.raises(UnreadableAudioError, match="not a regular file"):
        read_audio("/dev/null")


def test_no_samples(tmp_path):
    with pytest.raises(EmptyAudioError, match="a header without samples"):
        read_audio(written(tmp_path / "x.wav", np.zeros(0)))


@pytest.mark.parametrize(
    "data", [b"hello, this is text", b"\x89PNG\r\n\x1a\n" + b"\0" * 5_000, b"{}", b"\0" * 9_000]
)
def test_not_audio(tmp_path, data):
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(UnreadableAudioError, match=r"not audio in a known format; convert it to WAV"):
        read_audio(tmp_path / "x.wav")


@pytest.mark.parametrize(("container", "subtype"), [f[:2] for f in FORMATS if f[0] != "MP3"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated(tmp_path, container, subtype, kept):
    path = written(
        tmp_path / "x", tone(seconds=3), 16_000 if subtype != "OPUS" else 48_000, container, subtype
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(TruncatedAudioError, match=r"truncated.*; copy it again"):
        read_audio(path)


def test_cut_inside_the_header(tmp_path):
    path = written(tmp_path / "x.wav", tone())
    for size in (13, 20, 36, 43):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(AudioError, match=r"x\.wav: "):
            read_audio(path)
        written(path, tone())


def test_cut_inside_an_earlier_chunk(tmp_path):
    path = written(tmp_path / "x.wav", tone())
    data = path.read_bytes()
    path.write_bytes(data[:36] + b"LIST" + struct.pack("<I", 5_000) + b"x" * 100)
    with pytest.raises(TruncatedAudioError, match="4900 of the bytes that its header promises are missing"):
        read_audio(path)


@pytest.mark.parametrize("placeholder", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_file_from_a_pipe_promises_no_size(tmp_path, placeholder):
    path = written(tmp_path / "x.wav", tone())
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", placeholder)
    path.write_bytes(data)
    assert read_audio(path).num_samples == 8_000


@pytest.mark.parametrize("behind", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO"])
def test_a_recorder_that_was_stopped_says_no_samples_and_left_some(tmp_path, behind):
    path = written(tmp_path / "x.wav", tone())
    data = bytearray(path.read_bytes())
    data[40:44] = bytes(4)
    path.write_bytes(data + behind)
    for read in (read_audio, opened, lambda path: opened(path.read_bytes())):
        with pytest.raises(
            UnreadableAudioError, match=r"says no samples, and \d+ bytes behind it; write it anew"
        ):
            read(path)
    path.write_bytes(data[:44] + behind)
    with pytest.raises(EmptyAudioError, match="a header without samples"):
        read_audio(path)


def opened(source):
    with open_recording(source) as recording:
        return np.concatenate(list(recording.blocks(1)), axis=-1)


@pytest.mark.parametrize("codec", [0x0045, 0x0161])
def test_a_codec_that_is_not_known_is_no_damage(tmp_path, codec):
    path = written(tmp_path / "x.wav", tone())
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", codec)
    path.write_bytes(data)
    for source in (path, bytes(data)):
        with pytest.raises(
            UnreadableAudioError, match=rf"codec \(0x{codec:04X}\) that is not known; convert it"
        ):
            opened(source)


def test_gsm_cannot_be_sought_in_and_is_read(tmp_path):
    path = written(tmp_path / "x.wav", tone(8_000, 2), 8_000, "WAV", "GSM610")
    whole = read_audio(path).samples
    assert len(whole) == pytest.approx(16_000, abs=320)
    part = read_audio(path, start=0.5, end=1.0).samples
    np.testing.assert_array_equal(part, whole[4_000:8_000])


# MP3s that say another length than they have


def frames_of_mp3(samples, quality, rate=16_000):
    """Return MP3 frames without the first, which says how many there are, as a stream has them."""
    made = io.BytesIO()
    settings = {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": quality}
    soundfile.write(made, samples, rate, **settings)
    data = made.getvalue()
    begin = data.index(b"\xff\xf3") if rate < 32_000 else data.index(b"\xff\xfb")
    return data[begin + data[begin + 4 :].index(data[begin : begin + 2]) + 4 :]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_frames_of_mp3_are_counted(rate, tmp_path):
    samples = tone(rate, 5)
    path = written(tmp_path / "x.mp3", samples, rate, "MP3", "MPEG_LAYER_III")
    found = count_samples(path.read_bytes())
    assert found.tagged
    assert 0 <= found.num_samples - len(samples) <= 3 * 1152
    with path.open("rb") as file:
        assert count_samples(FileBytes(file)) == found
    tag = b"ID3\x04\0\0" + bytes((0, 0, 2, 100)) + bytes(2 * 128 + 100)
    assert count_samples(tag + path.read_bytes() + b"TAG" + bytes(125)) == found
    assert count_samples(written(tmp_path / "x.wav", samples).read_bytes()) is None
    assert read_audio(path).num_samples == pytest.approx(len(samples), abs=1152)


def test_a_stream_of_mp3_is_not_cut_without_a_word(tmp_path):
    loud = frames_of_mp3(np.random.default_rng(0).normal(scale=0.1, size=160_000), 0.0)
    low = frames_of_mp3(np.random.default_rng(0).normal(scale=0.1, size=160_000), 0.9)
    assert len(loud) > 3 * len(low)
    path = tmp_path / "x.mp3"
    path.write_bytes(loud)
    assert read_audio(path).duration == pytest.approx(10.1, abs=0.1), "of one bit rate it is known"
    for mixed in (loud + low, low + loud):
        path.write_bytes(mixed)
        for source in (path, mixed):
            with pytest.raises(
                UnreadableAudioError, match=r"20\.\d s of MP3 that would be taken for .*decode it"
            ):
                opened(source)
        with pytest.raises(UnreadableAudioError, match=r"20\.\d s of MP3"):
            read_audio(path)


@pytest.mark.parametrize(
    ("container", "subtype", "message"),
    [
        ("MP3", "MPEG_LAYER_III", r"10\.\d s of MP3 that would be taken for 5\.0 s"),
        ("OGG", "VORBIS", "several Ogg recordings behind one another; make one of them"),
    ],
)
def test_recordings_behind_one_another_are_not_heard_in_part(tmp_path, container, subtype, message):
    data = written(tmp_path / "x", tone(seconds=5), container=container, subtype=subtype).read_bytes()
    (tmp_path / "y").write_bytes(data + data)
    for source in (tmp_path / "y", data + data):
        with pytest.raises(UnreadableAudioError, match=message):
            opened(source)
    with pytest.raises(UnreadableAudioError, match=message):
        read_audio(tmp_path / "y")


def stream_info(path, total):
    """Set the 36 bits of a FLAC file's total number of samples."""
    data = bytearray(path.read_bytes())
    place = data.index(b"fLaC") + 8 + 13
    data[place] = (data[place] & 0xF0) | (total >> 32)
    data[place + 1 : place + 5] = struct.pack(">I", total & 0xFFFF_FFFF)
    path.write_bytes(data)
    return path


def test_a_stream_that_does_not_know_its_length(tmp_path):
    path = written(tmp_path / "x.flac", tone(seconds=2), container="FLAC")
    stream_info(path, 0)
    with pytest.raises(
        UnreadableAudioError, match="its header does not say how long it is; decode and encode it again"
    ):
        read_audio(path)


def test_a_stream_that_promises_more_than_memory(tmp_path):
    path = stream_info(written(tmp_path / "x.flac", tone(seconds=2), container="FLAC"), 2**36 - 1)
    with pytest.raises(TruncatedAudioError, match=r"copy (it again|or cut it)"):
        read_audio(path)


def test_a_disk_that_fails_under_python_is_no_truncated_recording(tmp_path, monkeypatch):
    path = written(tmp_path / "x.wav", tone(seconds=20))
    monkeypatch.setattr(sys, "platform", "win32")  # there libsndfile reads through Python
    known = Nameless.readinto

    def fails(self, buffer):
        if self._file.tell() > 60_000:
            self._file = SimpleNamespace(read=raise_error, seek=self._file.seek, tell=self._file.tell)
        return known(self, buffer)

    def raise_error(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Nameless, "readinto", fails)
    with pytest.raises(StorageError, match=r"x\.wav: Input/output error; check the permissions and the disk"):
        read_audio(path)
    with (
        open_recording(path) as opened,
        pytest.raises(StorageError, match=r"x\.wav: Input/output error; check the permissions and the disk"),
    ):
        list(opened.blocks(1.0))


def test_what_memory_does_not_hold_is_named(tmp_path, monkeypatch):
    path = written(tmp_path / "x.wav", tone())

    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(soundfile.SoundFile, "read", refuse)
    with pytest.raises(TruncatedAudioError, match="8000 samples, more than memory holds; copy or cut it"):
        read_audio(path)
    with (
        open_recording(path) as opened,
        pytest.raises(UnreadableAudioError, match="8000 samples at once, more than memory holds; cut it"),
    ):
        next(opened.blocks(opened.duration))


def test_a_truncated_rf64(tmp_path):
    path = written(tmp_path / "x.wav", tone(), container="RF64")
    assert read_audio(path).num_samples == 8_000
    path.write_bytes(path.read_bytes()[:-1_000])
    with pytest.raises(TruncatedAudioError, match="1000 of the bytes"):
        read_audio(path)


def test_a_header_that_promises_gigabytes_is_truncated_not_allocated(tmp_path):
    path = written(tmp_path / "x.wav", tone())
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", 0x7000_0000)
    path.write_bytes(data)
    with pytest.raises(
        TruncatedAudioError, match=r"truncated, \d+ of the bytes that its header promises are missing"
    ):
        read_audio(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(tmp_path, bad):
    samples = tone()
    samples[17] = bad
    with pytest.raises(
        InvalidSamplesError, match="1 samples are NaN or infinite; repair the file or leave it out"
    ):
        read_audio(written(tmp_path / "x.wav", samples, subtype="FLOAT"))


@pytest.mark.parametrize(("rate", "fits"), [(16_000, 400), (48_000, 1_200)])
def test_shorter_than_a_window(tmp_path, rate, fits):
    assert read_audio(written(tmp_path / "x.wav", np.zeros(fits), rate)).num_samples == fits
    with pytest.raises(
        DurationError, match=rf"{fits - 1} samples .* shorter than one analysis window; give at least"
    ):
        read_audio(written(tmp_path / "x.wav", np.zeros(fits - 1), rate))


def test_a_file_that_must_not_be_read(tmp_path, monkeypatch):
    path = written(tmp_path / "x.wav", tone())

    def refuse(self, *_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(StorageError, match=r"x\.wav: Permission denied; check the permissions"):
        read_audio(path)


def test_oddities(oddities):
    aiff = read_audio(oddities / "tess_YAF_germ_angry.wav")
    assert (aiff.sample_rate, aiff.num_channels) == (24_414, 1)
    assert aiff.duration == pytest.approx(2.206, abs=1e-3)
    stereo = read_audio(oddities / "ravdess_stereo_48k_03-01-02-01-01-02-01.wav")
    assert (stereo.sample_rate, stereo.num_channels) == (48_000, 2)
    assert read_audio(oddities / "tess_OAF_food_fear.wav").sample_rate == 96_000
    assert read_audio(oddities / "tess_YAF_neat_fear.wav").sample_rate == 24_414


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_a_name_says_nothing_of_what_is_in_it(platform, tmp_path, monkeypatch):
    path = written(tmp_path / "call.raw", tone())
    monkeypatch.setattr(sys, "platform", platform)
    assert read_audio(path).num_samples == 8000
    assert read_header(path) == (8000, 16_000, 1)
    with open_recording(path) as opened:
        assert sum(block.shape[-1] for block in opened.blocks(0.1)) == 8000


def test_a_part_of_a_long_file_is_read_alone(tmp_path):
    path = written(tmp_path / "long.wav", np.zeros(16_000 * 600), 16_000, subtype="PCM_16")
    tracemalloc.start()
    read_audio(path, start=300, end=301)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000 < path.stat().st_size


def test_no_file_stays_open(tmp_path):
    good, bad = written(tmp_path / "a.wav", tone()), tmp_path / "b.wav"
    bad.write_bytes(b"no audio at all")
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("this system does not list the files that a process has open")
    before = len(list(open_files.iterdir()))
    for _ in range(5):
        read_audio(good)
        with pytest.raises(UnreadableAudioError):
            read_audio(bad)
        with open_recording(good):
            pass
    assert len(list(open_files.iterdir())) == before


class Interrupted(BaseException):
    """As Ctrl-C is, which would end the tests where it comes too late."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that interrupt")
def test_an_interrupt_is_an_interrupt_and_no_damaged_recording(tmp_path):
    path = written(tmp_path / "a.mp3", tone(48_000, 20), 48_000, "MP3", "MPEG_LAYER_III")

    def interrupt(*_):
        raise Interrupted

    def read_on(microseconds):
        signal.setitimer(
            signal.ITIMER_REAL, microseconds / 1e6, 0.5
        )  # again, where one comes amid a clean-up
        for _ in range(10_000):
            read_audio(path)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for microseconds in range(2_000, 22_000, 2_000):
            with pytest.raises(Interrupted):
                read_on(microseconds)
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    for read in (read_audio, read_header, EmotionRecognizer.load().predict):
        with pytest.raises(UnreadableAudioError, match="not a regular file"):
            read(tmp_path / "a.wav")


@pytest.mark.parametrize("broken", ["__getitem__", "dup"])
def test_what_the_system_says_while_a_file_is_read_is_named(broken, tmp_path, monkeypatch):
    path = written(tmp_path / "x.wav", tone())

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((FileBytes, broken) if broken == "__getitem__" else (os, broken)), fail)
    with pytest.raises(StorageError, match=r"x\.wav: Input/output error; check the permissions and the disk"):
        read_audio(path)
    with pytest.raises(StorageError, match=r"x\.wav: Input/output error"), open_recording(path):
        pass


def test_zeros_behind_a_header_are_refused_in_little_time(tmp_path, monkeypatch):
    path = tmp_path / "lost.wav"
    with path.open("wb") as file:
        file.write(b"RIFF\x00\x00\x00\x00WAVE")
        file.truncate(200_000_000)
    asked, get = [], FileBytes.__getitem__
    monkeypatch.setattr(FileBytes, "__getitem__", lambda self, where: asked.append(1) or get(self, where))
    with pytest.raises(TruncatedAudioError, match="truncated"):
        read_audio(path)
    assert len(asked) < 100_000


def test_a_pointer_of_git_lfs_is_told_however_it_is_opened(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    with pytest.raises(UnreadableAudioError, match="git lfs pull"), open_recording(path):
        pass
    with pytest.raises(UnreadableAudioError, match="git lfs pull"):
        read_audio(path)


def test_an_open_buffer_is_not_needed(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(), 16_000, format="FLAC")
    (tmp_path / "ä ö 语.flac").write_bytes(buffer.getvalue())
    assert read_audio(str(tmp_path / "ä ö 语.flac")).num_samples == 8_000
