"""A recording block by block: what is too long to be read whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from magtfnet.audio.containers import FileBytes
from magtfnet.audio.io import (
    MIN_DURATION,
    UNKNOWN_LENGTH,
    named_error,
    open_bytes,
    open_sound,
    readable,
    refuse_incomplete,
    refuse_lost,
)
from magtfnet.audio.waveform import Samples, Waveform
from magtfnet.errors import (
    DurationError,
    EmptyAudioError,
    InvalidSamplesError,
    TruncatedAudioError,
    UnreadableAudioError,
)


@dataclass(frozen=True)
class OpenRecording:
    """A recording that is being read, or one in memory.

    Args:
        name: what to call it.
        sample_rate: in Hz.
        num_channels: of every block.
        num_samples: in each channel.
        source: the file, or the samples.
    """

    name: Path | str
    sample_rate: int
    num_channels: int
    num_samples: int
    source: soundfile.SoundFile | Waveform

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    def blocks(self, seconds: float) -> Iterator[Samples]:
        """Yield float32 samples, (S,) for mono and (channels, S) otherwise, as long as asked but for the last.

        Raises:
            TruncatedAudioError: fewer samples than promised.
            InvalidSamplesError: NaN or infinite samples.
        """
        size = max(1, round(seconds * self.sample_rate))
        done = 0
        while done < self.num_samples:
            block = self._block(done, min(size, self.num_samples - done))
            if not np.isfinite(block).all():
                bad = int(block.size - np.isfinite(block).sum())
                raise InvalidSamplesError(
                    self.name, f"{bad} samples are NaN or infinite", "repair the file or leave it out"
                )
            done += block.shape[-1]
            yield block

    def _block(self, first: int, size: int) -> Samples:
        if isinstance(self.source, Waveform):
            return self.source.samples[..., first : first + size]
        try:
            samples = self.source.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise named_error(error, self.name) from error
        except MemoryError as error:
            raise UnreadableAudioError(
                self.name, f"{size} samples at once, more than memory holds", "cut it"
            ) from error
        if len(samples) < size:
            refuse_lost(self.source, self.name)
            raise TruncatedAudioError(
                self.name,
                f"truncated, {first + len(samples)} samples where {self.num_samples} were expected",
                "copy it again",
            )
        return np.ascontiguousarray(samples.T if samples.shape[1] > 1 else samples[:, 0])


@contextmanager
def open_recording(source: str | os.PathLike[str] | bytes | Waveform) -> Iterator[OpenRecording]:
    """Open a recording to read it block by block.

    Args:
        source: a path, the bytes of a file, or a waveform in memory.

    Raises:
        AudioError: as ``read_audio`` has it, as far as the header tells.
        StorageError: the system does not let us read it.
    """
    if isinstance(source, Waveform):
        yield OpenRecording("waveform", source.sample_rate, source.num_channels, source.num_samples, source)
        return
    if isinstance(source, bytes):
        refuse_incomplete(source, "recording")
        with open_bytes(source, "recording") as opened:
            yield _usable(opened, "recording")
        return
    path = Path(source)
    with readable(path):
        file = path.open("rb")
    with file:
        with readable(path):
            refuse_incomplete(FileBytes(file), path)
            opened = open_sound(file, path)
        with opened:
            yield _usable(opened, path)


def _usable(opened: soundfile.SoundFile, name: Path | str) -> OpenRecording:
    _refuse_unusable(opened, name)
    return OpenRecording(name, int(opened.samplerate), int(opened.channels), int(opened.frames), opened)


def _refuse_unusable(opened: soundfile.SoundFile, name: Path | str) -> None:
    if opened.frames == 0:
        raise EmptyAudioError(name, "a header without samples", "copy or record it again")
    if opened.frames >= UNKNOWN_LENGTH:
        raise UnreadableAudioError(
            name, "its header does not say how long it is", "decode and encode it again"
        )
    if opened.frames < MIN_DURATION * opened.samplerate:
        raise DurationError(
            name,
            f"{opened.frames} samples ({opened.frames / opened.samplerate:.4f} s), shorter than one analysis window",
            f"give at least {MIN_DURATION} s",
        )
