"""What an encoder of waveforms offers a system: the mean over time of its layers.

Utterances go through one at a time: no padding, no mask, and the memory of one; where nothing learns, of a minute.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from magtfnet.audio import Waveform
from magtfnet.classical.latent_masking import LatentMasking
from magtfnet.errors import ConfigError

RATE = 16_000
VERSION = 2
"""Of what is made of a recording here; a change of the code that changes that raises it."""
SHORTEST = 640
"""Samples that the convolutions of every encoder here can make a frame of; shorter recordings are filled up."""
LONGEST = 60
"""Seconds that go through at once: of ten minutes, 30,000 frames, one bias of 12 heads' attention would be 43 GB."""
PIECE = 30
"""Seconds at most of the equal pieces of what is longer."""


def another_rate(sample_rate: int) -> ConfigError:
    """Return the error of recordings that were prepared at another rate than encoders know."""
    return ConfigError(f"audio.sample_rate = {sample_rate}: these encoders know {RATE} Hz; set it")


class PretrainedEncoder(nn.Module, ABC):
    """An encoder with its layers.

    Args:
        network: has the weights.
        width: D of a layer.
    """

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network = network
        self.width = width

    @abstractmethod
    def inputs(self, samples: npt.NDArray[np.float32]) -> Tensor:
        """Return what the network is given for samples (S,), a batch of one."""

    @abstractmethod
    def outputs(self, inputs: Tensor) -> Any:
        """Return ``hidden_states``, a tuple of (1, T, D), and ``last_hidden_state`` (1, T, D) of such inputs."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The network's name in the field: wav2vec2, whisper, emotion2vec."""

    @property
    @abstractmethod
    def preparation(self) -> str:
        """What is done to samples first, in words that change with it."""

    @property
    def architecture(self) -> str:
        """What is computed with the weights, in words that change with it."""
        return self.kind

    def freeze_below_transformer(self) -> None:
        """Keep what makes frames of the waveform as it is, as vanilla fine-tuning does."""

    def mask_latents(self, masking: LatentMasking) -> None:
        """In training, mask the frames that the Transformer is given; Whisper and emotion2vec stay without masks."""

    def pieces(self, samples: npt.NDArray[np.float32]) -> list[tuple[npt.NDArray[np.float32], int | None]]:
        """Return what goes through at once, and how many frames of it are real; None: all.

        Up to a minute goes through as a whole; what is longer in equal pieces, which do not hear each other.
        """
        count = 1 if len(samples) <= LONGEST * RATE else -(-len(samples) // (PIECE * RATE))
        return [(piece, None) for piece in np.array_split(samples, count)]

    def forward(self, waveform: Waveform) -> Tensor:
        """Return the mean over time of every layer's output, (layers, D); ``waveform`` is mono at 16 kHz.

        Raises:
            ConfigError: another rate.
        """
        return self._means(waveform, lambda outputs: torch.cat(outputs.hidden_states))

    def rectified(self, waveform: Waveform) -> Tensor:
        """Return the mean over time of the last layer's output behind a ReLU, (D,); see ``forward``."""
        return self._means(waveform, lambda outputs: outputs.last_hidden_state.relu())[0]

    def frames(self, waveform: Waveform) -> Tensor:
        """Return the last layer's output, (T, D); see ``forward``."""
        return torch.cat(list(self._layers(waveform, lambda outputs: outputs.last_hidden_state)), dim=1)[0]

    def _means(self, waveform: Waveform, layers_of: Callable[[Any], Tensor]) -> Tensor:
        """Return the means over time of what ``layers_of`` takes of the network's outputs, (layers, D)."""
        sums, count = [], 0
        for layers in self._layers(waveform, layers_of):
            sums.append(layers.sum(dim=1))
            count += layers.shape[1]
        return torch.stack(sums).sum(dim=0) / count

    def _layers(self, waveform: Waveform, layers_of: Callable[[Any], Tensor]) -> Iterator[Tensor]:
        """Yield what ``layers_of`` takes of the network's outputs, the real frames of a piece each, (layers, T, D)."""
        if waveform.sample_rate != RATE:
            raise another_rate(waveform.sample_rate)
        samples = waveform.samples.ravel()
        samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        for piece, frames in self.pieces(samples):
            yield layers_of(self.outputs(self.inputs(piece)))[:, :frames]

    def fingerprint(self) -> str:
        """Return a digest of all that an output depends on, by which it can be kept."""
        told = json.dumps([VERSION, self.architecture, self.preparation, self.weights_digest()])
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def weights_digest(self) -> str:
        """Return a digest of the weights alone, whatever code or settings make of them."""
        digest = hashlib.blake2b(digest_size=16)
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()
