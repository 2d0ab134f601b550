"""What computes: prepared waveforms to probabilities, by torch or by onnxruntime."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from magtfnet.audio.waveform import Samples
from magtfnet.config import AudioConfig
from magtfnet.labels import LabelSet


class Engine(Protocol):
    """A model that is ready to be asked."""

    @property
    def labels(self) -> LabelSet:
        """The classes, in the order of the probabilities."""

    @property
    def audio(self) -> AudioConfig:
        """How recordings are to be prepared."""

    @property
    def unsure_below(self) -> float:
        """The least probability of an answer that the model stands by."""

    def probabilities(self, waveforms: Sequence[Samples]) -> npt.NDArray[np.float64]:
        """Return the probabilities (B, K) of prepared mono waveforms (S_i,)."""
