"""An exported file by onnxruntime: waveforms to probabilities without torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from magtfnet.audio.waveform import Samples
from magtfnet.config import AudioConfig, validated
from magtfnet.errors import BundleError, MagtfnetError, StorageError
from magtfnet.labels import LabelSet
from magtfnet.prediction import threshold

onnxruntime.disable_telemetry_events()  # on Windows; elsewhere a variable says so before (``magtfnet/__init__.py``)

FORMAT = "magtfnet 1"
LONG = 30 * 16_000
"""Samples of a batch from which memory goes back behind it: ten minutes take 0.8 GiB, which would be kept."""
INPUTS, OUTPUT = ("waveforms", "lengths"), "probabilities"
QUIET = 3
"""Errors only: what onnxruntime warns of at loading is nothing that a user could mend."""


class OnnxEngine:
    """Probabilities of waveforms by a graph that holds the front end and everything behind it.

    Args:
        source: an exported file, or its bytes.
        threads: of one prediction.

    Raises:
        BundleError: not an ONNX file, or not one that magtfnet wrote.
        StorageError: the system does not let us read it.
    """

    def __init__(self, source: str | Path | bytes, *, threads: int = 1) -> None:
        name = "the ONNX file" if isinstance(source, bytes) else str(source)
        self.session = open_session(source, name, threads)
        self.metadata = _metadata(self.session, name)
        try:
            labels = json.loads(self.metadata["labels"])
            self.labels = LabelSet(tuple(labels["classes"]), labels["merges"])
            self.audio = validated(AudioConfig, json.loads(self.metadata["audio"]), "audio.")
            self.unsure_below = threshold(json.loads(self.metadata.get("unsure_below", "0")))
        except (KeyError, TypeError, ValueError, RecursionError, MagtfnetError) as error:
            raise BundleError(f"{name}: its metadata is damaged ({error}); export it again") from error
        _refuse_other_graph(self.session, len(self.labels.classes), name)

    def probabilities(self, waveforms: Sequence[Samples]) -> npt.NDArray[np.float64]:
        """Return the probabilities (B, K) of prepared mono waveforms (S_i,).

        One after another: nothing is spent on padding, and an answer does not depend on its company to the bit.
        """
        rows = [run_graph(self.session, [samples])[0] for samples in waveforms]
        answers = np.stack(rows).astype(np.float64)
        normalized: npt.NDArray[np.float64] = answers / answers.sum(axis=1, keepdims=True)
        return normalized

    def described(self, name: str) -> Any:
        """Return an entry of the metadata that is JSON: ``scores``, ``provenance``, ``features``, ``model``."""
        return json.loads(self.metadata.get(name, "{}"))


def open_session(source: str | Path | bytes, name: str, threads: int = 1) -> onnxruntime.InferenceSession:
    """Load a graph; nothing in it can execute anything but its operations.

    Raises:
        BundleError: not an ONNX file.
        StorageError: the system does not let us read it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise StorageError(f"{name}: {error.strerror or error}; name an exported .onnx file") from error
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no public base of their own
        reason = " ".join(str(error).split())[:120]
        raise BundleError(f"{name}: not an ONNX file that can be run ({reason}); export it again") from error


def run_graph(session: onnxruntime.InferenceSession, waveforms: Sequence[Samples]) -> npt.NDArray[np.float32]:
    """Return the probabilities (B, K) of waveforms (S_i,) as one batch, padded to the longest."""
    lengths = np.array([len(samples) for samples in waveforms], dtype=np.int64)
    padded = np.zeros((len(waveforms), lengths.max()), dtype=np.float32)
    for row, samples in zip(padded, waveforms, strict=True):
        row[: len(samples)] = samples
    options = onnxruntime.RunOptions()
    if padded.size >= LONG:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    given = dict(zip(INPUTS, (padded, lengths), strict=True))
    answers: npt.NDArray[np.float32] = session.run([OUTPUT], given, options)[0]
    return answers


def _refuse_other_graph(session: onnxruntime.InferenceSession, classes: int, name: str) -> None:
    """Refuse a graph that does not take waveforms, or does not tell as many classes as its metadata.

    Raises:
        BundleError: it does not.
    """
    given = tuple(value.name for value in session.get_inputs())
    told = {value.name: value.shape for value in session.get_outputs()}
    shape = told.get(OUTPUT) or []
    if given != INPUTS or len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != classes):
        raise BundleError(
            f"{name}: takes {', '.join(given)} and gives {', '.join(f'{key} {shape}' for key, shape in told.items())}; "
            f"expected {', '.join(INPUTS)} and {OUTPUT} of {classes} classes: export it again"
        )


def _metadata(session: onnxruntime.InferenceSession, name: str) -> dict[str, str]:
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    found = metadata.get("format")
    if found is None:
        raise BundleError(
            f"{name}: an ONNX file, but not one of magtfnet's; name one that 'magtfnet export' wrote"
        )
    if found != FORMAT:
        raise BundleError(
            f"{name}: of format '{found}', expected '{FORMAT}'; install the magtfnet that wrote it, or export it again"
        )
    return metadata
