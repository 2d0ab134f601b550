"""Two branches that are solved for, not trained: Fisher vectors of log-Mel frames, and functionals.

The structure is MAGTF-Net's: local representations of log-Mel frames over several spans of time, their shares in
learnt nodes, one vector an utterance; beside it descriptors of the utterance; one linear classifier over both.
What there is learnt by gradient is here a mixture of Gaussians (over all training frames) and a linear
discriminant in closed form (``training/fisher_discriminant.py``), which some hundred utterances determine better:
docs/accuracy.md says what that is worth.
"""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.cepstral_frames import CepstralFrames
from magtfnet.models.blocks.fisher_vector import FisherVectors
from magtfnet.models.protocol import Model, register_model


class FisherDiscriminantConfig(Settings):
    """Sizes, and how the discriminant is solved for: chosen on inner folds of training parts (docs/accuracy.md)."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    num_cepstra: int = Field(20, ge=1)
    spans: tuple[Annotated[int, Field(ge=1)], ...] = Field((4, 12), min_length=1)
    levelled: bool = True
    num_features: int = Field(50, ge=1)
    num_components: int = Field(32, ge=1)
    fisher_share: float = Field(0.5, gt=0, lt=1)
    outermost: float = Field(4.0, gt=0)
    num_directions: int = Field(600, ge=1)
    shrinkage: float = Field(0.2, gt=0, le=1)


class FisherDiscriminant(Model):
    """The two branches and the classifier.

    Args:
        config: sizes; ``levelled`` asks for a second Fisher vector, of frames without their mean cepstra; the last two
            say how the classifier is solved for.
    """

    inputs = ("log_mel", "functionals")
    solved = True
    fisher_mean: Tensor
    fisher_std: Tensor

    def __init__(self, config: FisherDiscriminantConfig) -> None:
        super().__init__()
        self.config: FisherDiscriminantConfig = config
        self.frames = CepstralFrames(config.n_mels, config.num_cepstra, config.spans)
        sizes = self.frames.width, config.num_features, config.num_components
        self.fisher = FisherVectors(*sizes)
        self.fisher_levelled = FisherVectors(*sizes) if config.levelled else None
        width = self.fisher.width * (1 + config.levelled)
        self.register_buffer("fisher_mean", torch.zeros(width))
        self.register_buffer("fisher_std", torch.full((width,), self.fisher.width**-0.5))
        self.classifier = nn.Linear(width + config.num_functionals, config.num_classes)

    def streams(self, log_mel: Tensor, lengths: Tensor) -> list[tuple[FisherVectors, Tensor]]:
        """Return the mixtures, each with the frames (B, T, F) that it is of."""
        frames = self.frames(log_mel, lengths)
        if self.fisher_levelled is None:
            return [(self.fisher, frames)]
        return [(self.fisher, frames), (self.fisher_levelled, self.frames.levelled(frames, lengths))]

    def fisher_vectors(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Return the Fisher vectors of all streams side by side, float64."""
        return torch.cat(
            [fisher(frames, lengths) for fisher, frames in self.streams(log_mel, lengths)], dim=-1
        )

    def weighed(self, fisher: Tensor, functionals: Tensor) -> Tensor:
        """Return what is classified (B, both side by side) of Fisher vectors and functionals.

        Both are standardised, cut off where an outlier lies, and weighed against each other by their mean square.
        """
        share, outermost = self.config.fisher_share, self.config.outermost
        parts = (
            (((fisher - self.fisher_mean) / self.fisher_std).to(functionals.dtype), share),
            (functionals, 1 - share),
        )
        return torch.cat(
            [part.clamp(-outermost, outermost) * (weight / part.shape[1]) ** 0.5 for part, weight in parts],
            dim=-1,
        )

    def forward(self, *, log_mel: Tensor, lengths: Tensor, functionals: Tensor) -> Tensor:
        """Map log-Mel (B, T, M) of ``lengths`` (B,) real frames and functionals (B, F) to logits (B, K)."""
        logits: Tensor = self.classifier(self.weighed(self.fisher_vectors(log_mel, lengths), functionals))
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
    return FisherDiscriminant(config)
