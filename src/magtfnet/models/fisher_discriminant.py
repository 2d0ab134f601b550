"""Two branches that are solved for, not trained: vectors of frames, and functionals.

The structure is MAGTF-Net's: local representations of log-Mel frames over several spans of time, their shares in
learnt nodes, one vector an utterance; convolutions over several scales; beside them the descriptors, as frames and as
functionals of the utterance; one linear classifier over all. What there is learnt by gradient is here a mixture of
Gaussians (over all training frames), kernels that are drawn, and a linear discriminant in closed form
(``training/fisher_discriminant.py``), which some hundred utterances determine better: docs/accuracy.md says what that
is worth.
"""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.cepstral_frames import CepstralFrames, with_differences
from magtfnet.models.blocks.fisher_vector import FisherVectors
from magtfnet.models.blocks.random_convolutions import RandomConvolutions
from magtfnet.models.masking import valid_frames, zero_padding
from magtfnet.models.protocol import Model, register_model

Stream = Literal["cepstra", "levelled", "descriptors"]
"""Frames that a Fisher vector is of: cepstra, the same without their mean over the utterance, low-level descriptors."""


class FisherDiscriminantConfig(Settings):
    """Sizes, and how the discriminant is solved for: chosen on inner folds of training parts (docs/accuracy.md).

    ``fisher_share`` and ``convolutions_share`` are what Fisher vectors and convolutions have of the mean square that is
    classified; functionals have the rest.
    """

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    streams: tuple[Stream, ...] = Field(("cepstra", "levelled", "descriptors"), min_length=1)
    num_cepstra: int = Field(20, ge=1)
    spans: tuple[Annotated[int, Field(ge=1)], ...] = Field((4, 12), min_length=1)
    num_features: int = Field(50, ge=1)
    num_components: int = Field(32, ge=1)
    num_kernels: int = Field(2000, ge=1)
    num_taps: int = Field(9, ge=1)
    dilations: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 2, 4, 8, 16), min_length=1)
    fisher_share: float = Field(0.35, gt=0, lt=1)
    convolutions_share: float = Field(0.3, gt=0, lt=1)
    outermost: float = Field(4.0, gt=0)
    num_directions: int = Field(600, ge=1)
    shrinkage: float = Field(0.2, gt=0, le=1)


class FisherDiscriminant(Model):
    """The two branches and the classifier.

    Args:
        config: sizes; its last two keys say how the classifier is solved for.
    """

    inputs = ("log_mel", "lld", "functionals")
    solved = True
    mean: Tensor
    std: Tensor

    def __init__(self, config: FisherDiscriminantConfig) -> None:
        super().__init__()
        self.config: FisherDiscriminantConfig = config
        self.cepstra = CepstralFrames(config.n_mels, config.num_cepstra, config.spans)
        widths = dict.fromkeys(config.streams, self.cepstra.width)
        if "descriptors" in widths:
            widths["descriptors"] = config.num_descriptors * (2 + len(config.spans))
        mixtures: dict[str, FisherVectors] = {
            name: FisherVectors(width, min(width, config.num_features), config.num_components)
            for name, width in widths.items()
        }
        self.fisher = nn.ModuleDict(mixtures)
        self.fisher_width = sum(mixture.width for mixture in mixtures.values())
        self.convolutions = RandomConvolutions(
            config.n_mels, config.num_kernels, config.num_taps, config.dilations
        )
        width = self.fisher_width + self.convolutions.width
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.full((width,), width**-0.5))
        self.classifier = nn.Linear(width + config.num_functionals, config.num_classes)

    def frames(self, log_mel: Tensor, lld: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return the frames (B, T, F) of each stream, float64."""
        frames = {}
        if "cepstra" in self.fisher or "levelled" in self.fisher:
            cepstra = self.cepstra(log_mel, lengths)
            frames = {"cepstra": cepstra, "levelled": self.cepstra.levelled(cepstra, lengths)}
        if "descriptors" in self.fisher:
            descriptors = zero_padding(lld, valid_frames(lengths, lld.shape[1]))
            frames["descriptors"] = with_differences(descriptors.double(), lengths, self.config.spans)
        return {name: frames[name] for name in self.config.streams}

    def vectors(self, log_mel: Tensor, lld: Tensor, lengths: Tensor) -> Tensor:
        """Return the Fisher vectors of all streams and what the convolutions tell, side by side, (B, W) float64."""
        frames = self.frames(log_mel, lld, lengths)
        fisher = [mixture(frames[name], lengths) for name, mixture in self.fisher.items()]
        return torch.cat((*fisher, self.convolutions(log_mel, lengths).double()), dim=-1)

    def weighed(self, vectors: Tensor, functionals: Tensor) -> Tensor:
        """Return what is classified (B, both side by side) of vectors and functionals.

        All are standardised, cut off where an outlier lies, and weighed against each other by their mean square.
        """
        outermost = self.config.outermost
        fisher_share, convolutions_share = self.config.fisher_share, self.config.convolutions_share
        scaled = ((vectors - self.mean) / self.std).to(functionals.dtype)
        parts = (
            (scaled[:, : self.fisher_width], fisher_share),
            (scaled[:, self.fisher_width :], convolutions_share),
            (functionals, 1 - fisher_share - convolutions_share),
        )
        return torch.cat(
            [part.clamp(-outermost, outermost) * (share / part.shape[1]) ** 0.5 for part, share in parts],
            dim=-1,
        )

    def forward(self, *, log_mel: Tensor, lld: Tensor, lengths: Tensor, functionals: Tensor) -> Tensor:
        """Map log-Mel (B, T, M), descriptors (B, T, L) and functionals (B, F) to logits (B, K).

        Args:
            log_mel: the first ``lengths`` frames of each utterance are real.
            lld: likewise.
            lengths: (B,).
            functionals: of whole utterances.
        """
        logits: Tensor = self.classifier(self.weighed(self.vectors(log_mel, lld, lengths), functionals))
        return logits


@register_model
def fisher_discriminant(**overrides: Any) -> FisherDiscriminant:
    """Build the two branches; ``configs/accurate.toml`` is the recipe that they are made for.

    Raises:
        ConfigError: an unknown key, a refused value, or sizes that do not fit each other.
    """
    config = validated(FisherDiscriminantConfig, overrides, prefix="model.")
    width = config.num_cepstra * (2 + len(config.spans))
    if config.num_cepstra > config.n_mels or config.num_features > width:
        raise ConfigError(
            f"configuration model: num_cepstra {config.num_cepstra} must be at most the {config.n_mels} bands, and "
            f"num_features {config.num_features} at most {width}; change one of them"
        )
    if config.num_kernels % len(config.dilations) or config.num_taps % 2 == 0:
        raise ConfigError(
            f"configuration model: num_kernels {config.num_kernels} must be a multiple of the number of dilations, "
            f"{len(config.dilations)}, and num_taps {config.num_taps} odd; change one of them"
        )
    if config.fisher_share + config.convolutions_share >= 1:
        raise ConfigError(
            f"configuration model: fisher_share {config.fisher_share:g} and convolutions_share "
            f"{config.convolutions_share:g} must leave something to functionals; lower one of them"
        )
    return FisherDiscriminant(config)
