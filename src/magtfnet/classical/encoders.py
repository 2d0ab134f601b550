"""Self-supervised and speech-recognition encoders through ``transformers``: what each of their layers makes of speech.

wav2vec 2.0 (Baevski et al., NeurIPS 2020), HuBERT (Hsu et al., TASLP 2021), WavLM (Chen et al., JSTSP 2022) and the
encoder of Whisper (Radford et al., ICML 2023), by the folder of a checkpoint or its name on the hub. Weights are read
as safetensors and nothing of a checkpoint is executed; nothing is downloaded unless asked for. Utterances go through
one at a time: no padding, no mask, and the memory of one.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from magtfnet.audio import Waveform
from magtfnet.errors import ConfigError, MissingExtraError

RATE = 16_000
SHORTEST = 640
"""Samples that the convolutions of every encoder here can make a frame of; shorter recordings are filled up."""
WHISPER_SECONDS = 30
WHISPER_HOP = 320
"""Samples between two frames behind Whisper's encoder."""


class PretrainedEncoder(nn.Module):
    """An encoder with its layers.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        download: fetch it from the hub where it is not at hand.

    Raises:
        MissingExtraError: transformers is not installed.
        ConfigError: the weights are not at hand, or are no checkpoint of an encoder of speech.
    """

    def __init__(self, weights: str, *, download: bool) -> None:
        super().__init__()
        transformers = _transformers()
        options = {"local_files_only": not download, "use_safetensors": True, "trust_remote_code": False}
        try:
            found = transformers.AutoModel.from_pretrained(weights, **options)
            self.prepare = transformers.AutoFeatureExtractor.from_pretrained(
                weights, local_files_only=not download, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(_where_to_get(weights, error)) from error
        self.is_whisper = found.config.model_type == "whisper"
        self.network: nn.Module = found.get_encoder() if self.is_whisper else found
        if not self.is_whisper and not hasattr(found, "feature_extractor"):
            raise ConfigError(
                f"model.weights = '{weights}' is no encoder of speech, found {found.config.model_type}"
            )
        self.config = found.config
        self.config.apply_spec_augment = False  # its masks come from NumPy's global generator
        self.config.layerdrop = self.config.encoder_layerdrop = 0.0  # every layer is asked for
        self.width = int(found.config.hidden_size)

    def freeze_convolutions(self) -> None:
        """Keep the convolutions over the waveform as they are, as vanilla fine-tuning does."""
        part = getattr(self.network, "feature_extractor", None) or getattr(self.network, "conv1", None)
        if isinstance(part, nn.Module):
            part.requires_grad_(False)

    def forward(self, waveform: Waveform) -> Tensor:
        """Return the mean over time of every layer's output, (layers, D); ``waveform`` is mono at 16 kHz.

        Raises:
            ConfigError: another rate.
        """
        return self._means(waveform, lambda outputs: torch.cat(outputs.hidden_states))

    def last(self, waveform: Waveform) -> Tensor:
        """Return the mean over time of the last layer's output, (D,); see ``forward``."""
        return self._means(waveform, lambda outputs: outputs.last_hidden_state)[0]

    def _means(self, waveform: Waveform, layers_of: Callable[[Any], Tensor]) -> Tensor:
        """Return the means over time of what ``layers_of`` takes of the network's outputs, (layers, T, D)."""
        if waveform.sample_rate != RATE:
            raise ConfigError(
                f"audio.sample_rate = {waveform.sample_rate}: these encoders know 16000 Hz; set it"
            )
        samples = waveform.samples.ravel()
        samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        at_once = WHISPER_SECONDS * RATE if self.is_whisper else len(samples)
        sums, count = [], 0
        for start in range(0, len(samples), at_once):
            piece = samples[start : start + at_once]
            layers = layers_of(self._outputs(piece))
            real = (
                -(-len(piece) // WHISPER_HOP) if self.is_whisper else layers.shape[1]
            )  # the rest is silence
            sums.append(layers[:, :real].sum(dim=1))
            count += real
        return torch.stack(sums).sum(dim=0) / count

    def _outputs(self, samples: npt.NDArray[np.float32]) -> Any:
        inputs = self.prepare(samples, sampling_rate=RATE, return_tensors="pt")
        given = inputs.input_features if self.is_whisper else inputs.input_values
        return self.network(given.to(next(self.parameters()).device), output_hidden_states=True)

    def fingerprint(self) -> str:
        """Return a digest of all weights and of what is done to samples first, by which what they make can be kept."""
        digest = hashlib.blake2b(self.prepare.to_json_string().encode(), digest_size=16)
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _transformers() -> Any:
    try:
        import transformers
        from transformers.utils import logging
    except ModuleNotFoundError:
        raise MissingExtraError("transformers", "pretrained") from None
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return transformers


def _where_to_get(weights: str, error: Exception) -> str:
    if Path(weights).is_dir():
        return f"model.weights = '{weights}' is no checkpoint with safetensors ({str(error).splitlines()[0]})"
    if os.sep in weights.strip("/") and weights.startswith((".", "/", "~")):
        return f"model.weights = '{weights}': no such folder; name the folder of a checkpoint"
    return (
        f"the weights of {weights} are not at hand; 'hf download {weights} --local-dir DIR' gets them, then "
        f"--weights NAME=DIR in a comparison; alone --set model.weights=DIR, or --set model.download=true"
    )
