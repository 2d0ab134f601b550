"""A bundle as one ONNX graph, from the waveform to probabilities.

Written by PyTorch's exporter of traces: it takes 1 s where the newer one, of ``torch.export``, takes 20 s and
more for the same nodes, and needs no further library.
"""

import io
import warnings

import onnx
import torch

from magtfnet.deploy.graph_file import metadata, tidied
from magtfnet.deploy.parity import check_parity
from magtfnet.deploy.waveform_model import WaveformModel
from magtfnet.errors import ExportError
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import Bundle
from magtfnet.recognizer.onnx_engine import INPUTS, OUTPUT

OPSET = 17
"""The first with LayerNormalization; of 2022, and known to every runtime of today."""


def export(bundle: Bundle, progress: Progress = silent) -> bytes:
    """Return the bytes of an ONNX file that answers as the bundle does.

    Args:
        bundle: a trained model.
        progress: told how far the check is.

    Raises:
        ExportError: a recording of the check is answered otherwise than by torch, or the model has operations that
            ONNX has not.
    """
    model = WaveformModel(bundle)
    graph = tidied(onnx.load_from_string(_traced(model, bundle.audio.sample_rate)))
    onnx.helper.set_model_props(graph, metadata(bundle))
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString()
    check_parity(data, model, bundle.audio.sample_rate, progress)
    return data


def _traced(model: WaveformModel, sample_rate: int) -> bytes:
    file = io.BytesIO()
    # Two utterances of unlike length, so that no size of the example is mistaken for a constant.
    example = (torch.zeros(2, sample_rate), torch.tensor([sample_rate, sample_rate // 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is the older exporter, and what it does not fold
        try:
            torch.onnx.export(
                model,
                example,
                file,  # type: ignore[arg-type]  # it takes what can be written to
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_axes={
                    INPUTS[0]: {0: "batch", 1: "samples"},
                    INPUTS[1]: {0: "batch"},
                    OUTPUT: {0: "batch"},
                },
                opset_version=OPSET,
                do_constant_folding=False,  # runtimes fold when they load; the file stays small
                dynamo=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ExportError(
                f"the model cannot be written as ONNX ({reason}); give its blocks an exportable form"
            ) from error
    return file.getvalue()
