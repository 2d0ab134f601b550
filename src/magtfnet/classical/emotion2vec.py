"""emotion2vec's network: convolutions over the waveform, positions by convolution, Transformer blocks with ALiBi.

Ma et al.: "emotion2vec: Self-supervised pre-training for speech emotion representation", Findings of ACL 2024; the
network is data2vec 2.0's (Baevski et al., ICML 2023). Neither is in ``transformers``. Only what makes features is here:
no masks, no decoder, no dropout. All sizes follow from the weights, so that base and plus checkpoints need no
configuration.
"""

import math
import re
from collections.abc import Mapping
from itertools import count, takewhile
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Of the convolutions over the waveform, as in wav2vec 2.0; the one size that weights do not tell."""
AUDIO = r"modality_encoders\.AUDIO\."
RENAMED = {
    AUDIO + r"local_encoder\.conv_layers\.(\d+)\.0\.": "convolutions.{0}.convolution.",
    AUDIO + r"local_encoder\.conv_layers\.(\d+)\.2\.1\.": "convolutions.{0}.norm.",
    AUDIO + r"project_features\.1\.": "projection.0.",
    AUDIO + r"project_features\.2\.": "projection.1.",
    AUDIO + r"relative_positional_encoder\.(\d+)\.0\.": "positions.{0}.",
    AUDIO + r"context_encoder\.norm\.": "norm.",
    AUDIO + r"context_encoder\.blocks\.(\d+)\.": "first_blocks.{0}.",
    AUDIO + r"(extra_tokens|alibi_scale)$": "{0}",
    r"blocks\.(\d+)\.": "blocks.{0}.",
}
"""Beginnings of names in the published checkpoints, and here; what none matches belongs to the pretraining."""


class Outputs(NamedTuple):
    """What every layer makes of an utterance.

    Args:
        hidden_states: what the blocks behind the context encoder are given, and what each of these returns, (1, T, D)
            each; those are the layers that data2vec 2.0 learns to predict.
    """

    hidden_states: tuple[Tensor, ...]

    @property
    def last_hidden_state(self) -> Tensor:
        """The last block's, (1, T, D)."""
        return self.hidden_states[-1]


class Convolution(nn.Module):
    """A convolution over time, normalised over channels.

    Args:
        weight: of the shape that it shall have, (channels, inputs, taps).
        stride: in its inputs' frames.
    """

    def __init__(self, weight: Tensor, stride: int) -> None:
        super().__init__()
        channels, inputs, taps = weight.shape
        self.convolution = nn.Conv1d(inputs, channels, taps, stride, bias=False)
        self.norm = nn.LayerNorm(channels)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, C, T) to (B, channels, T')."""
        normal: Tensor = self.norm(self.convolution(frames).transpose(1, 2))
        return functional.gelu(normal).transpose(1, 2)


class Block(nn.Module):
    """A Transformer block that normalises behind each of its halves.

    Args:
        width: D.
        hidden: of the second half.
        heads: of attention.
    """

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, frames: Tensor, bias: Tensor) -> Tensor:
        """Map (B, T, D) to the same shape; ``bias`` (1, heads, T, T) is added to the attention's logits."""
        batch, steps, width = frames.shape
        parts = self.attn["qkv"](frames).view(batch, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        frames = self.norm1(frames + self.attn["proj"](attended.transpose(1, 2).reshape(batch, steps, width)))
        output: Tensor = self.mlp["fc2"](functional.gelu(self.mlp["fc1"](frames)))
        normal: Tensor = self.norm2(frames + output)
        return normal


class Emotion2Vec(nn.Module):
    """The network of the sizes that its weights have.

    Args:
        weights: by their names here, see ``renamed``.

    Raises:
        KeyError: a weight is missing.
        ValueError: a size that the others follow from cannot be.
        RuntimeError: a shape is not what the others ask for.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        width = weights["extra_tokens"].shape[-1]
        scale = weights["alibi_scale"]
        heads = _heads(scale, width)
        self.convolutions = nn.Sequential(
            *(
                Convolution(weights[f"convolutions.{number}.convolution.weight"], stride)
                for number, stride in enumerate(STRIDES)
            )
        )
        channels = weights[f"convolutions.{len(STRIDES) - 1}.convolution.weight"].shape[0]
        self.projection = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))
        self.positions = nn.ModuleList(
            [
                nn.Identity(),  # the published sequence begins with a transposition, and numbers count it
                *(
                    nn.Conv1d(width, width, taps, padding=taps // 2, groups=width // inputs)
                    for _, inputs, taps in _shapes(weights, "positions.{}.weight", 1)
                ),
            ]
        )
        self.norm = nn.LayerNorm(width)
        hidden = weights["blocks.0.mlp.fc1.weight"].shape[0]
        self.first_blocks, self.blocks = (
            nn.ModuleList(Block(width, hidden, heads) for _ in _shapes(weights, name + ".{}.norm1.weight", 0))
            for name in ("first_blocks", "blocks")
        )
        self.extra_tokens = nn.Parameter(torch.empty_like(weights["extra_tokens"]))
        self.alibi_scale = nn.Parameter(torch.empty_like(scale.reshape(-1, 1, heads, 1, 1)))
        self.load_state_dict({**weights, "alibi_scale": scale.reshape(-1, 1, heads, 1, 1)})

    def forward(self, samples: Tensor) -> Outputs:
        """Map samples (1, S) at 16 kHz, of mean 0 and variance 1, to the outputs of all layers."""
        frames = self.projection(self.convolutions(samples.unsqueeze(1)).transpose(1, 2))
        frames = frames + self._positions(frames)
        bias = self._bias(frames.shape[1])
        extra = self.extra_tokens.shape[1]
        frames = self.norm(torch.cat((self.extra_tokens.expand(len(frames), -1, -1), frames), dim=1))
        for number, block in enumerate(self.first_blocks):
            frames = block(frames, bias[min(number, len(bias) - 1)])
        states = [frames]
        for number, block in enumerate(self.blocks, start=len(self.first_blocks)):
            states.append(block(states[-1], bias[min(number, len(bias) - 1)]))
        return Outputs(tuple(state[:, extra:] for state in states))

    def _positions(self, frames: Tensor) -> Tensor:
        """Return what convolutions over neighbours say of where a frame stands, (B, T, D)."""
        steps, told = frames.shape[1], frames.transpose(1, 2)
        for convolution in self.positions[1:]:
            moved = convolution(told)[..., :steps].transpose(1, 2)  # an even kernel gives one frame more
            told = functional.gelu(functional.layer_norm(moved, moved.shape[-1:])).transpose(1, 2)
        return told.transpose(1, 2)

    def _bias(self, steps: int) -> Tensor:
        """Return what distance takes from attention, one for all layers or one a layer, (1 or L, 1, heads, T, T).

        Press et al., ICLR 2022, in both directions; the extra tokens in front stand at no distance.
        """
        places = torch.arange(steps, device=self.alibi_scale.device)
        distances = (places[None] - places[:, None]).abs()
        slopes = torch.tensor(alibi_slopes(self.alibi_scale.shape[2]), device=places.device)
        biases = -slopes[:, None, None] * distances * self.alibi_scale.clamp(min=0)
        extra = self.extra_tokens.shape[1]
        return functional.pad(biases, (extra, 0, extra, 0))


def alibi_slopes(heads: int) -> list[float]:
    """Return how steeply each head's attention falls with distance (Press et al., ICLR 2022).

    A geometric sequence from ``2 ** (-8 / heads)`` for a power of two; for other numbers the sequence of the next
    smaller power, and every second slope of the next greater one.
    """
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (number + 1) / power) for number in range(power)]
    between = [2 ** (-4 * (number + 1) / power) for number in range(0, 2 * power, 2)]
    return slopes + between[: heads - power]


def renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a published checkpoint by their names here, without those of its pretraining.

    Names may begin with what a framework put in front of all of them.
    """
    places = [name.find("modality_encoders.AUDIO.") for name in published]
    front = min((place for place in places if place >= 0), default=0)
    weights = {}
    for name, value in published.items():
        for pattern, here in RENAMED.items():
            if found := re.match(pattern, name[front:]):
                weights[here.format(*found.groups()) + found.string[found.end() :]] = value.float()
    return weights


def _heads(scale: Tensor, width: int) -> int:
    """Return how many heads attention has: as many as there are slopes in a layer.

    Raises:
        ValueError: the scale is not (1 or layers, 1, heads, 1, 1), or (1, heads, 1, 1) as older ones are.
    """
    shape = tuple(scale.shape)
    if len(shape) not in (4, 5) or shape[-3] < 2 or width % shape[-3]:
        raise ValueError(f"alibi_scale has the shape {shape}, expected one slope a head of {width} channels")
    return shape[-3]


def _shapes(weights: Mapping[str, Tensor], name: str, first: int) -> list[tuple[int, ...]]:
    """Return the shapes of the weights of consecutive numbers, from the first one on."""
    there = takewhile(lambda number: name.format(number) in weights, count(first))
    return [tuple(weights[name.format(number)].shape) for number in there]
