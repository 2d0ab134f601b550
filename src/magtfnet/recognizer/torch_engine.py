"""A bundle by torch: waveforms to probabilities on whatever the network lies."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from magtfnet.audio import Waveform
from magtfnet.audio.waveform import Samples
from magtfnet.config import AudioConfig
from magtfnet.features import FeatureBatch, FrontEnd
from magtfnet.features.batch import pad_frames
from magtfnet.labels import LabelSet
from magtfnet.recognizer.bundle import Bundle


class TorchEngine:
    """Probabilities of waveforms by the modules of a bundle.

    Args:
        bundle: a trained model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.front_end = FrontEnd(bundle.audio, bundle.features)

    @property
    def labels(self) -> LabelSet:
        """The classes, in the order of the probabilities."""
        return self.bundle.labels

    @property
    def audio(self) -> AudioConfig:
        """How recordings are to be prepared."""
        return self.bundle.audio

    @property
    def unsure_below(self) -> float:
        """The least probability of an answer that the model stands by."""
        return self.bundle.unsure_below

    def probabilities(self, waveforms: Sequence[Samples]) -> npt.NDArray[np.float64]:
        """Return the probabilities (B, K) of prepared mono waveforms (S_i,)."""
        rate = self.audio.sample_rate
        batches = [self.front_end.extract(Waveform(samples, rate)) for samples in waveforms]
        answers: npt.NDArray[np.float64] = self.of_features(_joined(batches)).numpy()
        return answers

    @torch.inference_mode()
    def of_features(self, features: FeatureBatch) -> torch.Tensor:
        """Return the probabilities (B, K), float64, of features as the front end gives them."""
        model = self.bundle.model
        standardized = self.bundle.standardizer(features)
        logits: torch.Tensor = model(**standardized.inputs(model.inputs))
        return logits.double().softmax(dim=-1)


def _joined(batches: Sequence[FeatureBatch]) -> FeatureBatch:
    return FeatureBatch(
        pad_frames([batch.log_mel[0] for batch in batches]),
        pad_frames([batch.lld[0] for batch in batches]),
        torch.cat([batch.functionals for batch in batches]),
        torch.cat([batch.lengths for batch in batches]),
    )
