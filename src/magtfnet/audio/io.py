"""The only opener of recordings: WAV, FLAC, OGG, MP3, AIFF by their content, never by their name.

Nothing is changed on the way in: the rate and the channels are the file's own.
"""

import io
import os
from pathlib import Path

import numpy as np
import soundfile

from magtfnet.audio.containers import missing_bytes
from magtfnet.audio.waveform import Waveform
from magtfnet.errors import (
    AudioFolderError,
    AudioNotFoundError,
    DurationError,
    EmptyAudioError,
    InvalidSamplesError,
    StorageError,
    TruncatedAudioError,
    UnreadableAudioError,
)

MIN_DURATION = 0.025
"""One analysis window in seconds: 400 samples at 16 kHz."""


def read_audio(path: str | os.PathLike[str], *, start: float | None = None, end: float | None = None) -> Waveform:
    """Read a recording as it is, or its part from ``start`` to ``end`` seconds.

    Returns:
        float32 samples in [-1, 1] for integer files, (S,) for mono and (channels, S) otherwise, with the file's rate.

    Raises:
        AudioError: missing, a folder, empty, without samples, not audio, truncated, NaN or infinite samples, or
            shorter than ``MIN_DURATION``; each has its own class.
        StorageError: the system does not let us read it.
    """
    path = Path(path)
    data = read_bytes(path)
    return decode(data, path, start=start, end=end)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; missing files, folders and empty files have their named errors."""
    try:
        if not path.exists():
            raise AudioNotFoundError(path, "no such file", "check the path")
        if path.is_dir():
            raise AudioFolderError(path, "a folder where a recording was expected", "name the files in it")
        if not path.is_file():
            raise UnreadableAudioError(path, "not a regular file", "copy the recording to a file first")
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; check the permissions and the disk") from error
    if not data:
        raise EmptyAudioError(path, "an empty file (0 bytes)", "copy or record it again")
    return data


def decode(data: bytes, source: Path, *, start: float | None = None, end: float | None = None) -> Waveform:
    """Decode the bytes of a recording; ``source`` is only named in errors. See ``read_audio``."""
    missing = missing_bytes(data)
    if missing:
        raise TruncatedAudioError(
            source, f"truncated, {missing} of the bytes that its header promises are missing", "copy it again"
        )
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples = _read_part(file, source, start, end)
            sample_rate = int(file.samplerate)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        if "Format not recognised" in reason or "unknown format" in reason:
            remedy = "convert it to WAV, FLAC, OGG, MP3 or AIFF"
            raise UnreadableAudioError(source, "not audio in a known format", remedy) from error
        raise TruncatedAudioError(source, f"damaged or truncated ({reason})", "copy it again") from error
    if not np.isfinite(samples).all():
        bad = int(samples.size - np.isfinite(samples).sum())
        raise InvalidSamplesError(source, f"{bad} samples are NaN or infinite", "repair the file or leave it out")
    if samples.shape[-1] < MIN_DURATION * sample_rate:
        raise DurationError(
            source,
            f"{samples.shape[-1]} samples ({samples.shape[-1] / sample_rate:.4f} s), shorter than one analysis window",
            f"give at least {MIN_DURATION} s",
        )
    return Waveform(samples, sample_rate)


def _read_part(
    file: soundfile.SoundFile, source: Path, start: float | None, end: float | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if file.frames == 0:
        raise EmptyAudioError(source, "a header without samples", "copy or record it again")
    first = 0 if start is None else round(start * file.samplerate)
    last = file.frames if end is None else round(end * file.samplerate)
    if not 0 <= first < last or last > file.frames + file.samplerate // 100:
        duration = file.frames / file.samplerate
        raise DurationError(
            source, f"a part from {start} s to {end} s in {duration:.3f} s of audio", "correct start and end"
        )
    last = min(last, file.frames)  # tables round their times: up to 10 ms past the end is the end
    file.seek(first)
    samples = file.read(last - first, dtype="float32", always_2d=True)
    if samples.shape[0] < last - first:
        raise TruncatedAudioError(
            source, f"truncated, {samples.shape[0]} samples where {last - first} were expected", "copy it again"
        )
    return np.ascontiguousarray(samples.T) if file.channels > 1 else np.ascontiguousarray(samples[:, 0])


def audio_format(data: bytes) -> str:
    """Return the container and encoding of a recording's bytes, such as ``WAV PCM_16``."""
    with soundfile.SoundFile(io.BytesIO(data)) as opened:
        return f"{opened.format} {opened.subtype}"
