"""Weights of a small emotion2vec by their published names, and what FunASR's own network makes of them."""

import numpy as np
import torch

FIRST, LATER, EXTRA, CHANNELS, TAPS, GROUPS = 1, 2, 3, 8, 6, 4
AUDIO = "modality_encoders.AUDIO."
FUNASR_1_4_16 = {
    (4, False): ([0.35225, 0.03011, -0.25605, 1.21397], [-0.27662, -0.33111, 0.02187, 1.45531]),
    (6, True): ([1.08975, -0.87381, 0.76986, 0.99229], [0.87263, -1.25073, 0.57097, 0.81442]),
}
"""Heads, and whether each layer has its own slopes: the first four means over time before the later blocks and behind.

Of its ``AudioEncoder`` and ``AltBlock`` in float64 (their layer norms' own float32 switched off), with these weights.
"""


def published_weights(heads, width, slopes_per_layer=False):
    """Return values that a formula gives, so that another library can be asked about the same network."""
    made = {}
    for number, (name, shape) in enumerate(shapes(heads, width, slopes_per_layer).items()):
        values = np.sin(np.arange(np.prod(shape)) * 0.7 + number)
        matrix = len(shape) > 1 and name.endswith("weight")
        scale = 2 / np.sqrt(np.prod(shape) / shape[0]) if matrix else 0.1
        middle = 0.5 if "alibi" in name else float(len(shape) == 1 and name.endswith("weight"))
        made[name] = torch.from_numpy((middle + scale * values).reshape(shape).astype(np.float32))
    return made


def two_tones():
    """Return half a second at 16 kHz: one tone that stays and one that rises."""
    seconds = np.arange(8000) / 16_000
    steady = 0.3 * np.sin(2 * np.pi * 180 * seconds)
    rising = 0.1 * np.sin(2 * np.pi * (500 + 900 * seconds) * seconds)
    return (steady + rising + 0.05).astype(np.float32)


def shapes(heads, width, slopes_per_layer):
    """Return the shape of every weight."""
    found = {
        AUDIO + "extra_tokens": (1, EXTRA, width),
        AUDIO + "alibi_scale": (FIRST + LATER if slopes_per_layer else 1, 1, heads, 1, 1),
    }
    for number, taps in enumerate((10, 3, 3, 3, 3, 2, 2)):
        layer = f"{AUDIO}local_encoder.conv_layers.{number}"
        found[layer + ".0.weight"] = (CHANNELS, CHANNELS if number else 1, taps)
        found |= pair(layer + ".2.1", (CHANNELS,), CHANNELS)
    found |= pair(AUDIO + "project_features.1", (CHANNELS,), CHANNELS)
    found |= pair(AUDIO + "project_features.2", (width, CHANNELS), width)
    for number in (1, 2):
        found |= pair(f"{AUDIO}relative_positional_encoder.{number}.0", (width, width // GROUPS, TAPS), width)
    found |= pair(AUDIO + "context_encoder.norm", (width,), width)
    first = [f"{AUDIO}context_encoder.blocks.{number}" for number in range(FIRST)]
    for block in first + [f"blocks.{number}" for number in range(LATER)]:
        found |= pair(block + ".attn.qkv", (3 * width, width), 3 * width)
        found |= pair(block + ".attn.proj", (width, width), width)
        found |= pair(block + ".mlp.fc1", (2 * width, width), 2 * width)
        found |= pair(block + ".mlp.fc2", (width, 2 * width), width)
        found |= pair(block + ".norm1", (width,), width) | pair(block + ".norm2", (width,), width)
    return found


def pair(name, weight, bias):
    """Return the shapes of a layer's weight and bias."""
    return {name + ".weight": weight, name + ".bias": (bias,)}
