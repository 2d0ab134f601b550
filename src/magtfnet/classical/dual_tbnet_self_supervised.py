"""Dual-TBNet over self-supervised frames and ours: the kind of pair that its paper found best.

Liu, Kang, Ren, TASLP 31, 2023 (``models/baselines/dual_tbnet.py``), with the last layer of a frozen encoder as one
kind, and log-Mel frames beside low-level descriptors as the other. The encoder's frames, one every 20 ms, are repeated
to the pace of ours, so that both kinds have one length. The paper fuses five pre-trained features with acoustic ones;
which encoder is taken, widths and training are configuration. The encoder's frames are computed once and kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.classical.best_epoch import keep_best_epoch
from magtfnet.classical.encoders import load_encoder
from magtfnet.classical.layer_cache import FrozenLayers
from magtfnet.classical.protocol import ClassicalSystem, Floats, register_classical
from magtfnet.config import Settings, validated
from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.models.baselines.dual_tbnet import dual_tbnet
from magtfnet.training.batches import TrainingData, plan_batches
from magtfnet.training.seeding import derived_seed, seeded


class SelfSupervisedDualConfig(Settings):
    """Which weights, the network's sizes, and its training."""

    weights: str = "facebook/wav2vec2-base"
    download: bool = False
    d_model: int = Field(64, ge=2)
    num_heads: int = Field(4, ge=1)
    ffn_dim: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    learning_rate: float = Field(1e-3, gt=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    batch_size: int = Field(32, ge=2)
    epochs: int = Field(50, ge=1)


class SelfSupervisedDual(ClassicalSystem):
    """See the module.

    Args:
        config: which weights, sizes and training.
    """

    def __init__(self, config: SelfSupervisedDualConfig) -> None:
        self.config = config
        self.sizes = config.model_dump(include={"d_model", "num_heads", "ffn_dim", "dropout"})
        dual_tbnet(num_classes=2, **self.sizes)  # sizes that do not fit are refused before any work
        self.encoder = load_encoder(config.weights, download=config.download).eval()
        self.kept = FrozenLayers(self.encoder)

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``; the epoch of the best validation WA, then of the best likelihood, is kept."""
        ours = self._paired(training, [0]).lld.shape[-1]
        with seeded(seed):
            self.standardizer = Standardizer(self.encoder.width, ours, 1)
            self.standardizer.fit(self._paired(training, indices) for indices in self._in_order(training))
            self.network = dual_tbnet(
                num_classes=num_classes, n_mels=self.encoder.width, num_descriptors=ours, **self.sizes
            )
            optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)

            def learn(epoch: int) -> None:
                for indices in plan_batches(len(training), self.config.batch_size, derived_seed(seed, epoch)):
                    loss = functional.cross_entropy(
                        self._logits(training, indices),
                        training.targets[indices],
                        label_smoothing=self.config.label_smoothing,
                    )
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()

            return keep_best_epoch(
                self.network,
                self.config.epochs,
                learn,
                lambda: self.predict_proba(validation),
                validation.targets.tolist(),
            )

    @torch.no_grad()
    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        self.network.eval()
        rows: dict[int, Tensor] = {}
        for indices in self._in_order(data):
            rows.update(zip(indices, self._logits(data, indices).double().softmax(dim=-1), strict=True))
        probabilities: Floats = torch.stack([rows[index] for index in range(len(data))]).numpy()
        return probabilities

    @property
    def weights_digest(self) -> str:
        """See ``ClassicalSystem``."""
        return self.encoder.weights_digest()

    @property
    def num_parameters(self) -> int:
        """Of encoder and network: what is needed to run."""
        modules: tuple[nn.Module, ...] = (self.encoder, self.network)
        return sum(part.numel() for module in modules for part in module.parameters())

    @property
    def num_bytes(self) -> int:
        """Of these in float32."""
        return 4 * self.num_parameters

    def _in_order(self, data: TrainingData) -> Iterator[list[int]]:
        """Yield all indices a batch at a time; what others read at once is twenty times as wide here."""
        for indices in data.in_order():
            for first in range(0, len(indices), self.config.batch_size):
                yield indices[first : first + self.config.batch_size]

    def _logits(self, data: TrainingData, indices: Sequence[int]) -> Tensor:
        pair = self.standardizer(self._paired(data, indices))
        logits: Tensor = self.network(log_mel=pair.log_mel, lld=pair.lld, lengths=pair.lengths)
        return logits

    def _paired(self, data: TrainingData, indices: Sequence[int]) -> FeatureBatch:
        """Return the encoder's frames in the place of log-Mel's, and all of ours in that of the descriptors."""
        ours, _ = data.batch(indices)
        cache = self.kept.of(data.store)
        theirs = ours.log_mel.new_zeros(*ours.log_mel.shape[:2], self.encoder.width)
        for row, (index, length) in enumerate(zip(indices, ours.lengths.tolist(), strict=True)):
            frames = cache.frames(data.recordings[index])
            theirs[row, :length] = frames[torch.arange(length) * len(frames) // length]
        both = torch.cat((ours.log_mel, ours.lld), dim=-1)
        return FeatureBatch(theirs, both, ours.functionals[:, :1], ours.lengths)


@register_classical(needs="weights")
def dual_tbnet_self_supervised(**overrides: Any) -> SelfSupervisedDual:
    """Build Dual-TBNet over wav2vec 2.0's frames and ours."""
    return SelfSupervisedDual(validated(SelfSupervisedDualConfig, overrides, prefix="model."))
