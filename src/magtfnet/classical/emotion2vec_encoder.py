"""emotion2vec from the file that its authors publish, without their toolkit.

The file is PyTorch's; it is read as weights only, so that nothing of it is executed. A file of safetensors with the
same names does as well.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from magtfnet.classical.emotion2vec import Emotion2Vec, Outputs, renamed
from magtfnet.classical.encoder import PretrainedEncoder
from magtfnet.classical.weights_at_hand import where_to_get
from magtfnet.errors import ConfigError, MissingExtraError

WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Where frameworks put the weights within what they save."""
FILES = ("*.safetensors", "*.pt", "*.pth")


class Emotion2VecEncoder(PretrainedEncoder):
    """emotion2vec base or plus; its own dropout is not there when it is fine-tuned.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        download: fetch it from the hub where it is not at hand.

    Raises:
        MissingExtraError: huggingface_hub is not installed, and ``weights`` is a name.
        ConfigError: the weights are not at hand, or are not emotion2vec's.
    """

    def __init__(self, weights: str, *, download: bool) -> None:
        folder = Path(weights) if Path(weights).is_dir() else _from_hub(weights, download)
        file = _file_in(folder)
        try:
            network = Emotion2Vec(renamed(_read(file)))
        except KeyError as error:
            raise ConfigError(
                f"model.weights: {file} is no checkpoint of emotion2vec, found no {error.args[0]}"
            ) from error
        except RuntimeError as error:
            raise ConfigError(
                f"model.weights: {file} is no checkpoint of emotion2vec ({str(error).splitlines()[-1].strip()})"
            ) from error
        super().__init__(network, network.extra_tokens.shape[-1])

    def inputs(self, samples: npt.NDArray[np.float32]) -> Tensor:
        """See ``PretrainedEncoder``."""
        given = torch.from_numpy(samples).to(next(self.parameters()).device)[None]
        return functional.layer_norm(given, given.shape[-1:])

    def outputs(self, inputs: Tensor) -> Outputs:
        """See ``PretrainedEncoder``."""
        told: Outputs = self.network(inputs)
        return told

    @property
    def kind(self) -> str:
        """See ``PretrainedEncoder``."""
        return "emotion2vec"

    @property
    def preparation(self) -> str:
        """See ``PretrainedEncoder``."""
        return "mean 0, variance 1"

    def freeze_convolutions(self) -> None:
        """See ``PretrainedEncoder``."""
        self.network.get_submodule("convolutions").requires_grad_(False)


def is_emotion2vec(weights: str) -> bool:
    """Whether weights are this network's: a folder without a configuration of ``transformers``, or the hub's name."""
    if Path(weights).is_dir():
        return not (Path(weights) / "config.json").exists() and _files_in(Path(weights)) != []
    return weights.startswith("emotion2vec/")


def _from_hub(weights: str, download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ModuleNotFoundError:
        raise MissingExtraError("huggingface_hub", "pretrained") from None
    try:
        return Path(snapshot_download(weights, allow_patterns=list(FILES), local_files_only=not download))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(where_to_get(weights, error)) from error


def _files_in(folder: Path) -> list[Path]:
    return [file for pattern in FILES for file in sorted(folder.glob(pattern))]


def _file_in(folder: Path) -> Path:
    """Return the one file of weights.

    Raises:
        ConfigError: there is none, or more than one.
    """
    files = _files_in(folder)
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise ConfigError(f"model.weights = '{folder}': expected one file of weights in it, found {names}")
    return files[0]


def _read(file: Path) -> dict[str, Tensor]:
    """Return what a file holds, whatever framework saved it.

    Raises:
        ConfigError: it cannot be read without executing what is in it, or it is damaged.
    """
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ConfigError(
            f"model.weights: {file} holds no weights that can be read without executing it "
            f"({type(error).__name__}); if it is whole and trusted, save its weights as safetensors"
        ) from error
    for name in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    tensors = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in tensors if isinstance(value, Tensor)}
