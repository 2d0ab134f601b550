"""The front end: a waveform to everything that a model may take, with one Fourier transform."""

import torch
from torch import Tensor, nn

from magtfnet.audio import Waveform
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.errors import AudioPolicyError
from magtfnet.features.batch import FeatureBatch
from magtfnet.features.extended import FAMILIES, ExtendedFunctionals
from magtfnet.features.functionals import functional_names, functionals
from magtfnet.features.lld import LowLevelDescriptors
from magtfnet.features.log_mel import LogMel


class FrontEnd(nn.Module):
    """Log-Mel frames, low-level descriptors and functionals of a batch of waveforms.

    Args:
        audio: the rate of the waveforms.
        features: what is computed.
    """

    def __init__(self, audio: AudioConfig = AudioConfig(), features: FeatureConfig = FeatureConfig()) -> None:
        super().__init__()
        self.sample_rate = audio.sample_rate
        self.config = features
        self.log_mel = LogMel(features.log_mel, features.stft, audio.sample_rate)
        self.lld = LowLevelDescriptors(features.lld, features.stft, audio.sample_rate)
        self.descriptor_names = self.lld.names
        self.functional_names = functional_names(self.lld.names, features.statistics)
        self.extended: ExtendedFunctionals | None = None
        if features.functionals == "extended":
            self.extended = ExtendedFunctionals(features.log_mel, features.stft, audio.sample_rate)
            self.descriptor_names = self.extended.descriptors
            self.functional_names = self.extended.names

    def forward(self, waveforms: Tensor, lengths: Tensor) -> FeatureBatch:
        """Map waveforms (B, S), the first ``lengths`` (B,) samples real, to their features."""
        power = self.log_mel.spectrum(waveforms, lengths)
        log_mel, frames = self.log_mel.from_power(power, lengths)
        if self.extended is None:
            lld, _ = self.lld.from_power(waveforms, power, lengths)
            vector = functionals(lld, frames, self.config.statistics)
        else:
            levels = self.lld.levels(waveforms, lengths)
            lld, vector = self.extended(waveforms, lengths, power, log_mel, levels, frames)
        return FeatureBatch(log_mel, lld, vector, frames)

    @property
    def descriptors(self) -> tuple[str, ...]:
        """What descriptors and functionals tell of: the paper's descriptors, or the extended set's families."""
        return self.lld.names if self.extended is None else FAMILIES

    @property
    def descriptor_of_each(self) -> dict[str, tuple[int, ...]]:
        """Return for every column of ``lld`` and of ``functionals`` the index of its descriptor."""
        if self.extended is None:
            columns = tuple(range(len(self.lld.names)))
            return {"lld": columns, "functionals": columns * len(self.config.statistics)}
        return {"lld": self.extended.family_of_descriptor, "functionals": self.extended.family_of}

    @torch.inference_mode()
    def extract(self, waveform: Waveform) -> FeatureBatch:
        """Return the features of one mono waveform, a batch of one.

        Raises:
            AudioPolicyError: its rate is not this front end's, or it has several channels.
        """
        if waveform.sample_rate != self.sample_rate or waveform.samples.ndim != 1:
            found = f"{waveform.num_channels} channels at {waveform.sample_rate} Hz"
            raise AudioPolicyError(
                "waveform", f"{found}, expected mono at {self.sample_rate} Hz", "prepare it first"
            )
        batch: FeatureBatch = self(
            torch.from_numpy(waveform.samples)[None], torch.tensor([waveform.num_samples])
        )
        return batch
