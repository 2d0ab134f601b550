"""Pretrained encoders as systems: frozen under a weighted sum of layers, fine-tuned, or adapted to the task first.

Chen and Rudnicky: "Exploring wav2vec 2.0 fine-tuning for improved speech emotion recognition", ICASSP 2023: vanilla
fine-tuning takes the mean over time of the last layer behind a ReLU and a linear classifier; the Transformer learns
under masks (``latent_masking.py``), what lies below it does not; errors of rare classes weigh more, as in the authors'
code. No layer is left out at random, whatever the checkpoint's configuration says. Task-adaptive pretraining first goes
on with wav2vec 2.0's own masked prediction on the training part's speech. Frozen encoders follow EmoBox (Ma et al.,
Interspeech 2024) and SUPERB (Yang et al., Interspeech 2021): learnt weights of the layers, two linear layers. What is
kept of a recording is means over time, so both linear layers see the mean, where EmoBox's first sees frames; LayerNorm
and dropout are ours. So are rates and numbers of epochs, which are configuration, and that the best epoch by validation
WA is kept. All run on the CPU, whatever ``training.device`` says.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from magtfnet.audio import Waveform
from magtfnet.classical.best_epoch import keep_best_epoch
from magtfnet.classical.encoder import PretrainedEncoder
from magtfnet.classical.encoders import load_encoder
from magtfnet.classical.latent_masking import LatentMasking
from magtfnet.classical.layer_cache import FrozenLayers
from magtfnet.classical.masked_prediction import go_on_pretraining, refuse_other_encoders
from magtfnet.classical.protocol import ClassicalSystem, Floats, register_classical
from magtfnet.config import Settings, validated
from magtfnet.training.batches import TrainingData, plan_batches
from magtfnet.training.seeding import derived_seed, seeded


class PretrainedConfig(Settings):
    """Which weights, and how they are used."""

    weights: str
    download: bool = False
    mode: Literal["frozen", "fine_tuned", "task_adapted"] = "frozen"
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    learning_rate: float = Field(1e-3, gt=0)
    batch_size: int = Field(32, ge=1)
    epochs: int = Field(60, ge=1)
    mask_time_share: float = Field(0.08, ge=0, le=1)  # these four as in the authors' code
    mask_time_span: int = Field(15, ge=1)
    mask_feature_share: float = Field(0.05, ge=0, le=1)
    mask_feature_span: int = Field(64, ge=1)
    pretraining_epochs: int = Field(10, ge=1)
    pretraining_rate: float = Field(5e-5, gt=0)

    @property
    def masking(self) -> LatentMasking:
        """What is masked in fine-tuning."""
        return LatentMasking(
            self.mask_time_share, self.mask_time_span, self.mask_feature_share, self.mask_feature_span
        )


class LayerSum(nn.Module):
    """A learnt mixture of layers, two linear layers behind it.

    Args:
        layers: how many.
        width: D of a layer.
        hidden: of the first linear layer.
        num_classes: K.
        dropout: before the second.
    """

    def __init__(self, layers: int, width: int, hidden: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.mixture = nn.Parameter(torch.zeros(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, num_classes)
        )

    def forward(self, layers: Tensor) -> Tensor:
        """Map (N, layers, D) to logits (N, K)."""
        mixed = torch.einsum("j,njw->nw", self.mixture.softmax(dim=0), layers)
        logits: Tensor = self.head(self.norm(mixed))
        return logits


class Frozen(ClassicalSystem):
    """The encoder stays as it is; what its layers make of a recording is computed once and kept.

    Args:
        config: which weights, and the head's training.
    """

    uses_front_end = False

    def __init__(self, config: PretrainedConfig) -> None:
        self.config = config
        self.encoder = load_encoder(config.weights, download=config.download).eval()
        self.kept = FrozenLayers(self.encoder)

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        layers, held_out = (
            self.kept.of(data.store).layers(data.recordings) for data in (training, validation)
        )
        with seeded(seed):
            sizes = layers.shape[1], self.encoder.width, self.config.hidden, num_classes, self.config.dropout
            self.head = LayerSum(*sizes)
            optimizer = torch.optim.Adam(self.head.parameters(), lr=self.config.learning_rate)

            def learn(epoch: int) -> None:
                for indices in plan_batches(len(layers), self.config.batch_size, derived_seed(seed, epoch)):
                    _step(optimizer, self.head(layers[indices]), training.targets[indices])

            return keep_best_epoch(
                self.head,
                self.config.epochs,
                learn,
                lambda: _probabilities(self.head, held_out),
                validation.targets.tolist(),
            )

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        return _probabilities(self.head, self.kept.of(data.store).layers(data.recordings))

    @property
    def weights_digest(self) -> str:
        """See ``ClassicalSystem``."""
        return self.encoder.weights_digest()

    @property
    def num_parameters(self) -> int:
        """Of encoder and head: what is needed to run."""
        return sum(part.numel() for module in (self.encoder, self.head) for part in module.parameters())

    @property
    def num_bytes(self) -> int:
        """Of these in float32."""
        return 4 * self.num_parameters


class FineTuned(ClassicalSystem):
    """Encoder and linear classifier learn together; what lies below the Transformer does not.

    Args:
        config: which weights, and the training.
    """

    uses_front_end = False

    def __init__(self, config: PretrainedConfig) -> None:
        self.config = config
        self.encoder = self._load()
        self.learnt = False
        if config.mode == "task_adapted":
            refuse_other_encoders(self.encoder)

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        if self.learnt:  # from another training part, which may hold what is tested now
            self.encoder = self._load()
        self.learnt = True
        with seeded(seed):
            if self.config.mode == "task_adapted":
                waveforms = list(_waveforms(training))
                go_on_pretraining(
                    self.config.weights,
                    self.encoder,
                    waveforms,
                    epochs=self.config.pretraining_epochs,
                    learning_rate=self.config.pretraining_rate,
                    seed=seed,
                )
            self.encoder.freeze_below_transformer()
            self.head = nn.Linear(self.encoder.width, num_classes)
            self.network = nn.ModuleList([self.encoder, self.head])
            learning = [part for part in self.network.parameters() if part.requires_grad]
            optimizer = torch.optim.Adam(learning, lr=self.config.learning_rate)
            weights = rarity(training.targets, num_classes)[training.targets]

            def learn(epoch: int) -> None:
                for indices in plan_batches(len(training), self.config.batch_size, derived_seed(seed, epoch)):
                    optimizer.zero_grad()
                    for waveform, index in zip(_waveforms(training, indices), indices, strict=True):
                        loss = functional.cross_entropy(self._logits(waveform), training.targets[index][None])
                        (loss * weights[index] / weights[indices].sum()).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()

            return keep_best_epoch(
                self.network,
                self.config.epochs,
                learn,
                lambda: self.predict_proba(validation),
                validation.targets.tolist(),
            )

    def _load(self) -> PretrainedEncoder:
        encoder = load_encoder(self.config.weights, download=self.config.download)
        encoder.mask_latents(self.config.masking)
        self._began_with = encoder.weights_digest()  # it learns
        return encoder

    @torch.no_grad()
    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        self.network.eval()
        logits = [self._logits(waveform) for waveform in _waveforms(data)]
        return torch.cat(logits).double().softmax(dim=-1).numpy()

    @property
    def weights_digest(self) -> str:
        """See ``ClassicalSystem``."""
        return self._began_with

    @property
    def num_parameters(self) -> int:
        """Of encoder and classifier: what is needed to run."""
        return sum(part.numel() for part in self.network.parameters())

    @property
    def num_bytes(self) -> int:
        """Of these in float32."""
        return 4 * self.num_parameters

    def _logits(self, waveform: Waveform) -> Tensor:
        logits: Tensor = self.head(self.encoder.rectified(waveform)).unsqueeze(0)
        return logits


def rarity(targets: Tensor, num_classes: int) -> Tensor:
    """Return what an error of each class weighs, (K,): the inverse of its share of ``targets`` (N,); 0 for none."""
    counts = torch.bincount(targets, minlength=num_classes)
    return torch.where(counts > 0, len(targets) / counts.clamp(min=1), 0.0)


def _waveforms(data: TrainingData, indices: Sequence[int] | None = None) -> Iterator[Waveform]:
    for index in range(len(data)) if indices is None else indices:
        yield data.store.waveform(data.recordings[index])


def _step(optimizer: torch.optim.Optimizer, logits: Tensor, targets: Tensor) -> None:
    loss = functional.cross_entropy(logits, targets)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _probabilities(head: nn.Module, layers: Tensor) -> Floats:
    head.eval()
    probabilities: Floats = np.asarray(head(layers).double().softmax(dim=-1))
    return probabilities


def _build(given: dict[str, Any], overrides: dict[str, Any]) -> ClassicalSystem:
    config = validated(PretrainedConfig, {**given, **overrides}, prefix="model.")
    return Frozen(config) if config.mode == "frozen" else FineTuned(config)


FINE_TUNING = {"learning_rate": 5e-5, "batch_size": 16, "epochs": 20}


@register_classical(needs="weights")
def wav2vec2(**overrides: Any) -> ClassicalSystem:
    """Build wav2vec 2.0 base, vanilla fine-tuning."""
    return _build({"weights": "facebook/wav2vec2-base", "mode": "fine_tuned", **FINE_TUNING}, overrides)


@register_classical(needs="weights")
def wav2vec2_task_adapted(**overrides: Any) -> ClassicalSystem:
    """Build wav2vec 2.0 base, pretrained further on the training part's speech, then fine-tuned."""
    return _build({"weights": "facebook/wav2vec2-base", "mode": "task_adapted", **FINE_TUNING}, overrides)


@register_classical(needs="weights")
def wav2vec2_frozen(**overrides: Any) -> ClassicalSystem:
    """Build wav2vec 2.0 base, frozen."""
    return _build({"weights": "facebook/wav2vec2-base"}, overrides)


@register_classical(needs="weights")
def hubert_frozen(**overrides: Any) -> ClassicalSystem:
    """Build HuBERT large, frozen."""
    return _build({"weights": "facebook/hubert-large-ll60k"}, overrides)


@register_classical(needs="weights")
def wavlm_frozen(**overrides: Any) -> ClassicalSystem:
    """Build WavLM large, frozen."""
    return _build({"weights": "microsoft/wavlm-large"}, overrides)


@register_classical(needs="weights")
def whisper_frozen(**overrides: Any) -> ClassicalSystem:
    """Build the encoder of Whisper large v3, frozen."""
    return _build({"weights": "openai/whisper-large-v3"}, overrides)


@register_classical(needs="weights")
def emotion2vec_frozen(**overrides: Any) -> ClassicalSystem:
    """Build emotion2vec base, frozen."""
    return _build({"weights": "emotion2vec/emotion2vec_base"}, overrides)
