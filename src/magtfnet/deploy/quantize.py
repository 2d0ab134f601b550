"""An exported graph with its products in 8 bits: weights by channel, activations by the range that calibration saw.

After Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018, as onnxruntime has it. The front end stays as it is: its logarithms need their digits.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from magtfnet.audio.waveform import Samples
from magtfnet.errors import ExportError
from magtfnet.recognizer.onnx_engine import INPUTS, QUIET

FEWEST = 8
"""Recordings that a calibration needs: the range of an activation over fewer is a guess."""


def quantize(data: bytes, recordings: Sequence[Samples]) -> bytes:
    """Return an exported file with the products of its network in 8 bits.

    Args:
        data: a file that ``export`` returned.
        recordings: prepared waveforms that show the ranges of the activations; recordings like those that will
            be heard, not those that it is then scored on.

    Raises:
        ExportError: too few recordings.
    """
    if len(recordings) < FEWEST:
        raise ExportError(
            f"{len(recordings)} recordings for calibration, expected at least {FEWEST}; give more, or leave --int8 away"
        )
    with tempfile.TemporaryDirectory() as folder:
        folded, quantized = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
        _fold(data, folded)
        graph = onnx.load(folded)
        level = logging.getLogger().level
        try:
            logging.getLogger().setLevel(logging.ERROR)  # its hints are about models of pictures
            quantize_static(
                graph,
                quantized,
                _Recordings(recordings),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=_products(graph.graph),
                op_types_to_quantize=["MatMul", "Gemm"],
                calibrate_method=CalibrationMethod.MinMax,
            )
        finally:
            logging.getLogger().setLevel(level)
        result = onnx.load(quantized)
    properties = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
    onnx.helper.set_model_props(
        result, properties | {"quantized": f"int8, calibrated on {len(recordings)} recordings"}
    )
    written: bytes = result.SerializeToString()
    return written


def _fold(data: bytes, path: Path) -> None:
    """Write the graph with everything computed that depends on no input, so that weights are seen as such."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _products(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the products with a float32 weight matrix of which an input is a frame or more."""
    weights = {
        value.name: value for value in graph.initializer
        if value.data_type == onnx.TensorProto.FLOAT and len(value.dims) == 2
    }  # fmt: skip
    named = []
    for number, node in enumerate(graph.node):
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights:
            node.name = node.name or f"product_{number}"
            named.append(node.name)
    return named


class _Recordings(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime carries no types
    """Hands waveforms to the calibration one after another."""

    def __init__(self, recordings: Sequence[Samples]) -> None:
        self._feeds: Iterator[dict[str, Any]] = (
            dict(zip(INPUTS, (samples[None], np.array([len(samples)], dtype=np.int64)), strict=True))
            for samples in recordings
        )

    def get_next(self) -> dict[str, Any] | None:
        """Return the next feed, None behind the last."""
        return next(self._feeds, None)
