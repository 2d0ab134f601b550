"""Samples that carry their rate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from magtfnet.errors import EmptyAudioError, InvalidSamplesError

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Waveform:
    """A recording in memory.

    Args:
        samples: float32, (S,) for mono or (channels, S); full scale is [-1, 1]. Integer arrays are scaled to
            it.
        sample_rate: samples per second.

    Raises:
        EmptyAudioError: there is no sample, or the array has more than two dimensions.
        InvalidSamplesError: a sample is NaN or infinite, or the rate is not positive.
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        samples = _full_scale(np.asarray(self.samples))
        if samples.ndim not in (1, 2) or samples.size == 0:
            shape = "x".join(map(str, samples.shape)) or "a single number"
            raise EmptyAudioError(
                "waveform", f"found samples of shape {shape}", "give (S,) or (channels, S), S >= 1"
            )
        if not np.isfinite(samples).all():
            bad = int(np.size(samples) - np.isfinite(samples).sum())
            raise InvalidSamplesError(
                "waveform", f"{bad} samples are NaN or infinite", "repair or remove them"
            )
        if self.sample_rate <= 0:
            raise InvalidSamplesError(
                "waveform", f"sample rate {self.sample_rate}", "give a positive rate in Hz"
            )
        object.__setattr__(self, "samples", samples)

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return 1 if self.samples.ndim == 1 else self.samples.shape[0]

    @property
    def num_samples(self) -> int:
        """Samples in each channel."""
        return int(self.samples.shape[-1])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def _full_scale(samples: npt.NDArray[Any]) -> Samples:
    """Scale integers to [-1, 1): signed by their range, unsigned about their middle."""
    if samples.dtype.kind not in "iu":
        return np.asarray(samples, dtype=np.float32)
    half = 2.0 ** (8 * samples.dtype.itemsize - 1)
    middle = half if samples.dtype.kind == "u" else 0.0
    return ((samples.astype(np.float64) - middle) / half).astype(np.float32)
