"""Does an exported file answer as torch does? Asked of recordings from 0.1 to 60 s before any export ends."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from magtfnet.audio.waveform import Samples
from magtfnet.deploy.waveform_model import WaveformModel
from magtfnet.errors import ExportError
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.onnx_engine import OnnxEngine, run_graph

TOLERANCE = 1e-4
"""Of any probability."""
SECONDS = (0.1, 0.4, 1.7, 5.0, 60.0)


def check_parity(data: bytes, model: WaveformModel, sample_rate: int, progress: Progress = silent) -> float:
    """Return the largest difference between the file's probabilities and torch's.

    Args:
        data: an ONNX file.
        model: what it was made from.
        sample_rate: of both, in Hz.
        progress: told each recording.

    Raises:
        ExportError: the difference of a recording exceeds ``TOLERANCE``.
    """
    engine = OnnxEngine(data)
    recordings = dict(odd_recordings(sample_rate))
    largest = 0.0
    for done, (name, samples) in enumerate(recordings.items(), start=1):
        difference = float(np.abs(engine.probabilities([samples])[0] - _by_torch(model, [samples])[0]).max())
        _refuse(difference, name)
        largest = max(largest, difference)
        progress("checking the file against torch", done, len(recordings))
    together = [samples for samples in recordings.values() if len(samples) < 10 * sample_rate]
    difference = float(np.abs(run_graph(engine.session, together) - _by_torch(model, together)).max())
    _refuse(difference, "a batch of all below 10 s")
    return max(largest, difference)


def odd_recordings(sample_rate: int) -> Iterator[tuple[str, Samples]]:
    """Yield recordings that are unlike each other, by name: every length in ``SECONDS``, and what is odd."""
    generator = np.random.default_rng(0)
    for seconds in SECONDS:
        yield f"{seconds:g} s like speech", _voiced(seconds, sample_rate, generator)
    time = np.arange(2 * sample_rate) / sample_rate
    yield "silence", np.zeros(sample_rate, dtype=np.float32)
    yield "a tone with silence behind it", (np.sin(2 * np.pi * 440 * time) * (time < 1)).astype(np.float32)
    yield "clipped", np.clip(20 * _voiced(2.0, sample_rate, generator), -1, 1)
    yield "faint noise", (1e-5 * generator.standard_normal(sample_rate)).astype(np.float32)


def _voiced(seconds: float, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Return harmonics of a wandering pitch, syllables of 0.2 s, pauses and noise."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    pitch = 150 + 40 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    sound = np.sum([np.sin(n * phase) / n for n in range(1, 20)], axis=0)
    envelope = np.maximum(0.0, np.sin(2 * np.pi * 2.5 * time)) * (np.sin(2 * np.pi * 0.3 * time) > -0.6)
    noise = 0.002 * generator.standard_normal(len(time))
    voiced: Samples = (0.2 * sound * envelope + noise).astype(np.float32)
    return voiced


@torch.inference_mode()
def _by_torch(model: WaveformModel, waveforms: list[Samples]) -> npt.NDArray[np.float32]:
    """Return the probabilities (B, K) of waveforms (S_i,)."""
    lengths = torch.tensor([len(samples) for samples in waveforms])
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(samples) for samples in waveforms], True)
    answers: npt.NDArray[np.float32] = model(padded, lengths).numpy()
    return answers


def _refuse(difference: float, name: str) -> None:
    if not difference <= TOLERANCE:  # NaN is refused as well
        raise ExportError(
            f"the exported file answers otherwise than torch ({name}: probabilities differ by {difference:.2g}, "
            f"expected at most {TOLERANCE:g}); nothing was written, report the versions of torch and onnxruntime"
        )
