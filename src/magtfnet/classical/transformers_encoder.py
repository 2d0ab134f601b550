"""Self-supervised and speech-recognition encoders through ``transformers``.

wav2vec 2.0 (Baevski et al., NeurIPS 2020), HuBERT (Hsu et al., TASLP 2021), WavLM (Chen et al., JSTSP 2022) and the
encoder of Whisper (Radford et al., ICML 2023), by the folder of a checkpoint or its name on the hub. Weights are read
as safetensors and nothing of a checkpoint is executed; nothing is downloaded unless asked for.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from magtfnet.classical.encoder import RATE, PretrainedEncoder
from magtfnet.classical.weights_at_hand import where_to_get
from magtfnet.errors import ConfigError, MissingExtraError

WHISPER_SECONDS = 30
WHISPER_HOP = 320
"""Samples between two frames behind Whisper's encoder."""


class TransformersEncoder(PretrainedEncoder):
    """An encoder that ``transformers`` knows.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        download: fetch it from the hub where it is not at hand.

    Raises:
        MissingExtraError: transformers is not installed.
        ConfigError: the weights are not at hand, or are no checkpoint of an encoder of speech.
    """

    def __init__(self, weights: str, *, download: bool) -> None:
        transformers = _transformers()
        options = {"local_files_only": not download, "use_safetensors": True, "trust_remote_code": False}
        try:
            found = transformers.AutoModel.from_pretrained(weights, **options)
            prepare = transformers.AutoFeatureExtractor.from_pretrained(
                weights, local_files_only=not download, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(where_to_get(weights, error, download=download)) from error
        is_whisper = found.config.model_type == "whisper"
        if not is_whisper and not hasattr(found, "feature_extractor"):
            raise ConfigError(
                f"model.weights = '{weights}' is no encoder of speech, found {found.config.model_type}"
            )
        super().__init__(found.get_encoder() if is_whisper else found, int(found.config.hidden_size))
        self.is_whisper = is_whisper
        self.prepare = prepare
        self.config = found.config
        self.config.apply_spec_augment = False  # its masks come from NumPy's global generator
        self.config.layerdrop = self.config.encoder_layerdrop = 0.0  # every layer is asked for

    def inputs(self, samples: npt.NDArray[np.float32]) -> Tensor:
        """See ``PretrainedEncoder``."""
        prepared = self.prepare(samples, sampling_rate=RATE, return_tensors="pt")
        given: Tensor = prepared.input_features if self.is_whisper else prepared.input_values
        return given.to(next(self.parameters()).device)

    def outputs(self, inputs: Tensor) -> Any:
        """See ``PretrainedEncoder``."""
        return self.network(inputs, output_hidden_states=True)

    @property
    def kind(self) -> str:
        """See ``PretrainedEncoder``."""
        return str(self.config.model_type)

    @property
    def preparation(self) -> str:
        """See ``PretrainedEncoder``."""
        told: str = self.prepare.to_json_string()
        return told

    def freeze_convolutions(self) -> None:
        """See ``PretrainedEncoder``."""
        part = getattr(self.network, "feature_extractor", None) or getattr(self.network, "conv1", None)
        if isinstance(part, nn.Module):
            part.requires_grad_(False)

    def pieces(self, samples: npt.NDArray[np.float32]) -> list[tuple[npt.NDArray[np.float32], int | None]]:
        """See ``PretrainedEncoder``; Whisper hears 30 s at once, filled up with silence."""
        if not self.is_whisper:
            return super().pieces(samples)
        starts = range(0, len(samples), WHISPER_SECONDS * RATE)
        pieces = [samples[start : start + WHISPER_SECONDS * RATE] for start in starts]
        return [(piece, -(-len(piece) // WHISPER_HOP)) for piece in pieces]


def _transformers() -> Any:
    try:
        import transformers
        from transformers.utils import logging
    except ModuleNotFoundError:
        raise MissingExtraError("transformers", "pretrained") from None
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return transformers
