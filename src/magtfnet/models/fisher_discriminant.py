"""Two branches that are solved for, not trained: Fisher vectors of log-Mel frames, and functionals.

The structure is MAGTF-Net's: local representations of log-Mel frames over several spans of time, their shares in
learnt nodes, one vector an utterance; beside it descriptors of the utterance; one linear classifier over both.
What there is learnt by gradient is here a mixture of Gaussians (over all training frames) and a linear
discriminant in closed form (``training/fisher_discriminant.py``), which some hundred utterances determine better:
docs/accuracy.md says what that is worth.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from magtfnet.config import Settings, validated
from magtfnet.errors import ConfigError
from magtfnet.models.blocks.fisher_vector import FisherVectors
from magtfnet.models.protocol import Model, register_model


class FisherDiscriminantConfig(Settings):
    """Sizes, and how the discriminant is solved for: chosen on inner folds of training parts (docs/accuracy.md)."""

    num_classes: int = Field(ge=2)
    n_mels: int = Field(40, ge=1)
    num_descriptors: int = Field(12, ge=1)
    num_functionals: int = Field(24, ge=1)
    num_cepstra: int = Field(20, ge=1)
    span: int = Field(4, ge=1)
    num_features: int = Field(40, ge=1)
    num_components: int = Field(32, ge=1)
    fisher_share: float = Field(0.5, gt=0, lt=1)
    outermost: float = Field(4.0, gt=0)
    num_directions: int = Field(600, ge=1)
    shrinkage: float = Field(0.2, gt=0, le=1)


class FisherDiscriminant(Model):
    """The two branches and the classifier.

    Args:
        config: sizes; the last two say how the classifier is solved for.
    """

    inputs = ("log_mel", "functionals")
    solved = True
    fisher_mean: Tensor
    fisher_std: Tensor

    def __init__(self, config: FisherDiscriminantConfig) -> None:
        super().__init__()
        self.config: FisherDiscriminantConfig = config
        self.fisher = FisherVectors(
            config.n_mels, config.num_cepstra, config.span, config.num_features, config.num_components
        )
        self.register_buffer("fisher_mean", torch.zeros(self.fisher.width))
        self.register_buffer("fisher_std", torch.full((self.fisher.width,), self.fisher.width**-0.5))
        self.classifier = nn.Linear(self.fisher.width + config.num_functionals, config.num_classes)

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
        logits: Tensor = self.classifier(self.weighed(self.fisher(log_mel, lengths), functionals))
        return logits


@register_model
def fisher_discriminant(**overrides: Any) -> FisherDiscriminant:
    """Build the two branches; ``configs/accurate.toml`` is the recipe that they are made for.

    Raises:
        ConfigError: an unknown key, a refused value, or sizes that do not fit each other.
    """
    config = validated(FisherDiscriminantConfig, overrides, prefix="model.")
    if config.num_cepstra > config.n_mels or config.num_features > 3 * config.num_cepstra:
        raise ConfigError(
            f"configuration model: num_cepstra {config.num_cepstra} must be at most the {config.n_mels} bands, and "
            f"num_features {config.num_features} at most {3 * config.num_cepstra}; change one of them"
        )
    return FisherDiscriminant(config)
