"""The only opener of recordings: WAV, FLAC, OGG, MP3, AIFF by their content, never by their name.

Nothing is changed on the way in: the rate and the channels are the file's own.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from magtfnet.audio.containers import (
    Bytes,
    FileBytes,
    Nameless,
    missing_bytes,
    unsaid_bytes,
    walk_ogg,
    wav_codec,
)
from magtfnet.audio.mpeg import FRAME, Counted, count_samples
from magtfnet.audio.waveform import Waveform
from magtfnet.errors import (
    AudioError,
    AudioFolderError,
    AudioNotFoundError,
    DurationError,
    EmptyAudioError,
    InvalidSamplesError,
    StorageError,
    TruncatedAudioError,
    UnreadableAudioError,
)

Frames = npt.NDArray[np.float32]
UNKNOWN_LENGTH = 2**40
"""Samples: two years at 16 kHz. libsndfile gives such counts for FLAC that was streamed, and cannot read it."""
LFS_POINTER = b"version https://git-lfs"
"""How a file begins that a clone without Git LFS has in place of each recording."""
OTHERS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"OggS", b"fLaC")
"""How files begin that are no MP3."""
TRIMMED = 4 * FRAME
"""Samples by which what an MP3 says may differ from its frames: encoders fill up both ends and say so."""
USUAL_CODECS = (0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0011, 0x0031, 0x0055, 0xFFFE)
"""In WAV files, of those that libsndfile knows: PCM, ADPCM, floats, A-law, mu-law, GSM, MP3."""
MIN_DURATION = 0.025
"""One analysis window in seconds: 400 samples at 16 kHz."""


def read_audio(
    path: str | os.PathLike[str], *, start: float | None = None, end: float | None = None
) -> Waveform:
    """Read a recording as it is, or its part from ``start`` to ``end`` seconds.

    Returns:
        float32 samples in [-1, 1] for integer files, (S,) for mono and (channels, S) otherwise, with the
        file's rate.

    Raises:
        AudioError: missing, a folder, empty, without samples, not audio, truncated, NaN or infinite samples,
            or shorter than ``MIN_DURATION``; each has its own class.
        StorageError: the system does not let us read it.
    """
    path = Path(path)
    with readable(path), path.open("rb") as file:
        refuse_incomplete(FileBytes(file), path)
        with open_sound(file, path) as opened:
            try:
                return _decoded(opened, path, start, end)
            except soundfile.LibsndfileError as error:
                raise named_error(error, path) from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within, what the system says of a recording's file is a named error, and so is that there is none.

    Raises:
        AudioError: see ``refuse_unreadable``.
        StorageError: the system does not let us read it.
    """
    refuse_unreadable(path)
    try:
        yield
    except OSError as error:
        raise _not_let_read(path, error) from error
    except MemoryError as error:
        raise UnreadableAudioError(path, "more than memory holds", "cut it") from error


def open_sound(file: BinaryIO, source: Path | str) -> soundfile.SoundFile:
    """Open the recording that an open file holds, by its content.

    From a name soundfile would take ``call.raw`` for samples without a header. Where the system allows it, libsndfile
    reads by itself: an interrupt that arrives while Python reads for it is lost, and the recording looks cut.

    Args:
        file: open for reading, until the recording is closed; where it stood is lost.
        source: only named in errors.

    Raises:
        AudioError: not audio.
        OSError: it cannot be read.
    """
    counted = _counted(FileBytes(file))
    file.seek(0)
    try:
        if sys.platform == "win32":  # its libraries do not share the numbers of open files
            return _as_counted(soundfile.SoundFile(Nameless(file)), counted, source)
        descriptor = os.dup(file.fileno())
        os.lseek(descriptor, 0, os.SEEK_SET)  # Python may have read ahead of where it is
        return _as_counted(soundfile.SoundFile(descriptor, closefd=True), counted, source)
    except soundfile.LibsndfileError as error:
        raise named_error(error, source, wav_codec(FileBytes(file))) from error


def open_bytes(data: bytes, source: Path | str) -> soundfile.SoundFile:
    """As ``open_sound``, of the bytes of a recording."""
    try:
        return _as_counted(soundfile.SoundFile(io.BytesIO(data)), _counted(data), source)
    except soundfile.LibsndfileError as error:
        raise named_error(error, source, wav_codec(data)) from error


def _counted(data: Bytes) -> Counted | None:
    return None if data[:4] in OTHERS else count_samples(data)


def _as_counted(
    opened: soundfile.SoundFile, counted: Counted | None, source: Path | str
) -> soundfile.SoundFile:
    """Refuse an MP3 of which libsndfile would not hear all, or miss what never was there."""
    if counted is None or opened.format not in ("MP3", "MPEG"):
        return opened
    more = counted.num_samples - opened.frames
    if more > TRIMMED or (not counted.tagged and -more > TRIMMED):
        seconds, told = (samples / opened.samplerate for samples in (counted.num_samples, opened.frames))
        opened.close()
        raise UnreadableAudioError(
            source,
            f"{seconds:.1f} s of MP3 that would be taken for {told:.1f} s",
            "decode it to its end: ffmpeg -i a.mp3 a.wav",
        )
    return opened


def refuse_incomplete(data: Bytes, source: Path | str) -> None:
    """Refuse what is empty, a pointer of Git LFS, or lacks bytes that its header promises.

    Raises:
        AudioError: it is; each has its own class.
    """
    if not len(data):
        raise EmptyAudioError(source, "an empty file (0 bytes)", "copy or record it again")
    if data[: len(LFS_POINTER)] == LFS_POINTER:
        raise UnreadableAudioError(
            source, "a pointer of Git LFS, not the recording", "fetch that with 'git lfs pull'"
        )
    missing, chained = walk_ogg(data) if data[:4] == b"OggS" else (missing_bytes(data), False)
    if chained:
        raise UnreadableAudioError(
            source, "several Ogg recordings behind one another", "make one of them: ffmpeg -i a.ogg a.wav"
        )
    unsaid = unsaid_bytes(data)
    if unsaid:
        raise UnreadableAudioError(
            source,
            f"a header that says no samples, and {unsaid} bytes behind it",
            "write it anew: ffmpeg -i a.wav b.wav",
        )
    if missing:
        raise TruncatedAudioError(
            source, f"truncated, {missing} of the bytes that its header promises are missing", "copy it again"
        )


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; missing files, folders and empty files have their named errors."""
    with readable(path):
        data = path.read_bytes()
    if not data:
        raise EmptyAudioError(path, "an empty file (0 bytes)", "copy or record it again")
    return data


def refuse_unreadable(path: Path) -> None:
    """Refuse what is missing, a folder, or no regular file.

    Raises:
        AudioError: it is; each has its own class.
        StorageError: the system does not let us look.
    """
    try:
        if not path.exists():
            raise AudioNotFoundError(path, "no such file", "check the path")
        if path.is_dir():
            raise AudioFolderError(path, "a folder where a recording was expected", "name the files in it")
        if not path.is_file():
            raise UnreadableAudioError(path, "not a regular file", "copy the recording to a file first")
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror or error}; check the permissions and the disk"
        ) from error


def named_error(error: soundfile.LibsndfileError, source: Path | str, codec: int | None = None) -> AudioError:
    """Return what libsndfile says in our words; it calls a WAV of a codec that it does not know malformed."""
    reason = error.error_string.rstrip(".")
    if codec is not None and codec not in USUAL_CODECS:
        found = f"a WAV of a codec (0x{codec:04X}) that is not known"
        return UnreadableAudioError(source, found, "convert it to PCM: ffmpeg -i a.wav b.wav")
    if "Format not recognised" in reason or "unknown format" in reason:
        remedy = "convert it to WAV, FLAC, OGG, MP3 or AIFF"
        return UnreadableAudioError(source, "not audio in a known format", remedy)
    return TruncatedAudioError(source, f"damaged or truncated ({reason})", "copy it again")


def decode(data: bytes, source: Path, *, start: float | None = None, end: float | None = None) -> Waveform:
    """Decode the bytes of a recording; ``source`` is only named in errors. See ``read_audio``."""
    refuse_incomplete(data, source)
    with open_bytes(data, source) as file:
        try:
            return _decoded(file, source, start, end)
        except soundfile.LibsndfileError as error:
            raise named_error(error, source) from error


def _decoded(file: soundfile.SoundFile, source: Path, start: float | None, end: float | None) -> Waveform:
    samples, sample_rate = _read_part(file, source, start, end), int(file.samplerate)
    if not np.isfinite(samples).all():
        bad = int(samples.size - np.isfinite(samples).sum())
        raise InvalidSamplesError(
            source, f"{bad} samples are NaN or infinite", "repair the file or leave it out"
        )
    if samples.shape[-1] < MIN_DURATION * sample_rate:
        raise DurationError(
            source,
            f"{samples.shape[-1]} samples ({samples.shape[-1] / sample_rate:.4f} s), shorter than one analysis window",
            f"give at least {MIN_DURATION} s",
        )
    return Waveform(samples, sample_rate)


def _read_part(file: soundfile.SoundFile, source: Path, start: float | None, end: float | None) -> Frames:
    if file.frames == 0:
        raise EmptyAudioError(source, "a header without samples", "copy or record it again")
    if file.frames >= UNKNOWN_LENGTH:
        raise UnreadableAudioError(
            source, "its header does not say how long it is", "decode and encode it again"
        )
    first, last = _bounds(file.frames, file.samplerate, source, start, end)
    try:
        if file.seekable():
            file.seek(first)
        else:  # GSM and some others, in which a part is reached by reading what stands before it
            file.read(first, dtype="float32")
        samples = file.read(last - first, dtype="float32", always_2d=True)
    except MemoryError as error:
        raise TruncatedAudioError(
            source, f"its header promises {file.frames} samples, more than memory holds", "copy or cut it"
        ) from error
    if samples.shape[0] < last - first:
        refuse_lost(file, source)
        raise TruncatedAudioError(
            source,
            f"truncated, {samples.shape[0]} samples where {last - first} were expected",
            "copy it again",
        )
    return np.ascontiguousarray(samples.T if samples.shape[1] > 1 else samples[:, 0])


def refuse_lost(file: soundfile.SoundFile, source: Path | str) -> None:
    """Refuse what the system did not let libsndfile read through Python; nothing else tells of it.

    Raises:
        StorageError: so it was.
    """
    error = file.name.error if isinstance(file.name, Nameless) else None
    if error is not None:
        raise _not_let_read(source, error) from error


def _not_let_read(source: Path | str, error: OSError) -> StorageError:
    return StorageError(f"{source}: {error.strerror or error}; check the permissions and the disk")


def _bounds(
    frames: int, sample_rate: int, source: Path, start: float | None, end: float | None
) -> tuple[int, int]:
    """Return the first sample of a part and the one after its last."""
    first = 0 if start is None else round(start * sample_rate)
    last = frames if end is None else round(end * sample_rate)
    if not 0 <= first < last or last > frames + sample_rate // 100:
        raise DurationError(
            source,
            f"a part from {start} s to {end} s in {frames / sample_rate:.3f} s of audio",
            "correct start and end",
        )
    return first, min(last, frames)  # tables round their times: up to 10 ms past the end is the end


def read_header(path: Path) -> tuple[int, int, int]:
    """Return samples in each channel, rate and channels of a recording, without decoding it.

    Raises:
        AudioError: it is missing or not audio, as ``read_audio`` has it.
        StorageError: the system does not let us read it.
    """
    try:
        refuse_unreadable(path)
        with path.open("rb") as file, open_sound(file, path) as opened:
            return int(opened.frames), int(opened.samplerate), int(opened.channels)
    except (AudioError, OSError):
        waveform = read_audio(path)  # raises the named error; what can be read after all has this header
        return waveform.num_samples, waveform.sample_rate, waveform.num_channels


def audio_format(data: bytes) -> str:
    """Return the container and encoding of a recording's bytes, such as ``WAV PCM_16``."""
    with soundfile.SoundFile(io.BytesIO(data)) as opened:
        return f"{opened.format} {opened.subtype}"
