"""Self-supervised and speech-recognition encoders through ``transformers``.

wav2vec 2.0 (Baevski et al., NeurIPS 2020), HuBERT (Hsu et al., TASLP 2021), WavLM (Chen et al., JSTSP 2022) and the
encoder of Whisper (Radford et al., ICML 2023), by the folder of a checkpoint or its name on the hub. Weights are read
as safetensors where a checkpoint has them, else from PyTorch's file as weights only: nothing of a checkpoint is
executed. Nothing is downloaded unless asked for.
"""

import json
import os
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from magtfnet.classical.encoder import RATE, PretrainedEncoder
from magtfnet.classical.latent_masking import LatentMasking
from magtfnet.classical.weights_at_hand import where_to_get
from magtfnet.errors import ConfigError, MissingExtraError

MASKED = "masked_spec_embed"
"""What stands in masked frames; an encoder that learnt without masks lacks it."""
BELOW = ("feature_extractor", "feature_projection")
BELOW_WHISPERS = ("conv1", "conv2", "embed_positions")
"""What lies below the Transformer; Whisper's positions are sinusoids."""
ORIGIN = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")
"""Settings that say where weights come from, not what is computed with them."""
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
        options = {"local_files_only": not download, "trust_remote_code": False}
        try:
            # float32 also where the checkpoint has half of it, as Whisper's large ones have
            found, told = transformers.AutoModel.from_pretrained(
                weights, output_loading_info=True, dtype=torch.float32, **options
            )
            prepare = transformers.AutoFeatureExtractor.from_pretrained(weights, **options)
        except MemoryError:  # says nothing of the checkpoint
            raise
        except ImportError as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ConfigError(
                f"model.weights = '{weights}' needs a library that is not there ({why}); install it, or take weights "
                "that are not quantised"
            ) from error
        except Exception as error:  # whatever others' code makes of files that anybody wrote
            raise ConfigError(where_to_get(weights, error, download=download)) from error
        kind = found.config.model_type
        is_whisper = kind == "whisper"
        if not is_whisper and not all(hasattr(found, part) for part in BELOW):
            raise ConfigError(
                f"model.weights = '{weights}' is no encoder of speech that is known here, found {kind}"
            )
        known = getattr(prepare, "sampling_rate", None)
        if known != RATE:
            raise ConfigError(
                f"model.weights = '{weights}' knows {known} Hz by its preprocessor_config.json, expected {RATE}; take "
                "an encoder of that rate"
            )
        if getattr(found.config, "add_adapter", False):
            raise ConfigError(
                f"model.weights = '{weights}' has an adapter behind its layers (add_adapter in its config.json), which "
                "is not known here; take the checkpoint that it was made from"
            )
        lacking = {name.removeprefix(f"{found.base_model_prefix}.") for name in told["missing_keys"]}
        if is_whisper:  # a checkpoint that classifies has no decoder, and none is asked for
            lacking = {name for name in lacking if name.startswith("encoder.")}
        if unknown := lacking - {MASKED}:  # they would be random
            raise ConfigError(
                f"model.weights = '{weights}' lacks {len(unknown)} of the weights of its {kind}, such as "
                f"{min(unknown)}; take the checkpoint that its config.json is of"
            )
        super().__init__(found.get_encoder() if is_whisper else found, int(found.config.hidden_size))
        self.is_whisper = is_whisper
        self.prepare = prepare
        self.config = found.config
        # its masks come from NumPy's global generator; see mask_latents
        self.config.apply_spec_augment = False
        self.config.layerdrop = self.config.encoder_layerdrop = 0.0  # every layer is asked for
        if is_whisper:
            cast("Any", self.network).layerdrop = 0.0  # it took its own when it was made
        if MASKED in lacking:  # transformers drew it at random
            nn.init.zeros_(self.network.get_parameter(MASKED))

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

    @property
    def architecture(self) -> str:
        """See ``PretrainedEncoder``."""
        settings = {name: value for name, value in self.config.to_dict().items() if name not in ORIGIN}
        return json.dumps(settings, sort_keys=True, default=str)

    def freeze_below_transformer(self) -> None:
        """See ``PretrainedEncoder``."""
        for name in BELOW_WHISPERS if self.is_whisper else BELOW:
            self.network.get_submodule(name).requires_grad_(False)
        # without it, transformers lets gradients through the convolutions that nobody takes
        if not self.is_whisper:
            cast("Any", self.network.get_submodule("feature_extractor"))._freeze_parameters()

    def mask_latents(self, masking: LatentMasking) -> None:
        """See ``PretrainedEncoder``."""
        if self.is_whisper:
            return

        replacement = getattr(self.network, MASKED, torch.zeros(self.width)).detach()

        def mask(module: nn.Module, _: Any, projected: Any) -> Any:
            if not module.training:
                return projected
            # of wav2vec 2.0 and WavLM, with the frames before the projection
            if isinstance(projected, tuple):
                return masking(projected[0], replacement), *projected[1:]
            return masking(projected, replacement)

        self.network.get_submodule("feature_projection").register_forward_hook(mask)

    def pieces(self, samples: npt.NDArray[np.float32]) -> list[tuple[npt.NDArray[np.float32], int | None]]:
        """See ``PretrainedEncoder``; Whisper hears 30 s at once, filled up with silence."""
        if not self.is_whisper:
            return super().pieces(samples)
        starts = range(0, len(samples), WHISPER_SECONDS * RATE)
        pieces = [samples[start : start + WHISPER_SECONDS * RATE] for start in starts]
        return [(piece, -(-len(piece) // WHISPER_HOP)) for piece in pieces]


def _transformers() -> Any:
    # else, beside a download, it asks the hub to convert other people's checkpoints
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "true")
    try:
        import transformers
        from transformers.utils import logging
    except ModuleNotFoundError:
        raise MissingExtraError("transformers", "pretrained") from None
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return transformers
