"""emotion2vec from the file that its authors publish, without their toolkit.

The file is PyTorch's; it is read as weights only, so that nothing of it is executed. A file of safetensors with the
same names does as well.
"""

import argparse
import re
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
from magtfnet.classical.weights_at_hand import named_global, where_to_get
from magtfnet.errors import ConfigError, MissingExtraError

np_scalar = np.float64(0).__reduce__()[0]
WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Where frameworks put the weights within what they save."""
NAME = re.compile(r"((emotion2vec|iic)/)?emotion2vec_\w+")
"""Of one of the published checkpoints on the hub, or in FunASR."""
FILES = ("*.safetensors", "*.pt", "*.pth")
HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
    (np_scalar, "numpy.core.multiarray.scalar"),  # its name before NumPy 2
    np_scalar,
]
"""What trainers save beside the weights: settings and numbers, which do nothing when they are made."""


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
        file = _file_in(Path(weights)) if Path(weights).is_dir() else _from_hub(weights, download)
        try:
            network = Emotion2Vec(renamed(_read(file)))
        except KeyError as error:
            raise ConfigError(
                f"model.weights: {file} is no checkpoint of emotion2vec, found no {error.args[0]}; other encoders need "
                f"their config.json beside it"
            ) from error
        except (RuntimeError, ValueError) as error:
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

    def freeze_below_transformer(self) -> None:
        """See ``PretrainedEncoder``."""
        for part in ("convolutions", "projection"):
            self.network.get_submodule(part).requires_grad_(False)


def is_emotion2vec(weights: str) -> bool:
    """Whether weights are this network's: a folder without a configuration of ``transformers``, or one of its names."""
    if Path(weights).is_dir():
        return not (Path(weights) / "config.json").exists() and _files_in(Path(weights)) != []
    return NAME.fullmatch(weights) is not None


def _from_hub(weights: str, download: bool) -> Path:
    """Return the file of a name; what others put before it (FunASR: ``iic/``) is ``emotion2vec/`` there."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ModuleNotFoundError:
        raise MissingExtraError("huggingface_hub", "pretrained") from None
    name = f"emotion2vec/{Path(weights).name}"
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=not download))
    except HFValidationError as error:
        raise ConfigError(f"model.weights = '{weights}' can be no name on the hub ({error})") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(where_to_get(name, error, download=download)) from error
    if not _files_in(folder):
        raise ConfigError(
            where_to_get(name, FileNotFoundError("no file of weights in it"), download=download)
        )
    return _file_in(folder)


def _files_in(folder: Path) -> list[Path]:
    """Return the files of weights: those of safetensors where there are any, else PyTorch's."""
    safe = sorted(folder.glob("*.safetensors"))
    return safe or sorted(file for pattern in FILES for file in folder.glob(pattern))


def _file_in(folder: Path) -> Path:
    """Return the one file of weights.

    Raises:
        ConfigError: there is more than one.
    """
    files = _files_in(folder)
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        raise ConfigError(f"model.weights = '{folder}': expected one file of weights in it, found {names}")
    return files[0]


def _read(file: Path) -> dict[str, Tensor]:
    """Return what a file holds, whatever framework saved it.

    Raises:
        ConfigError: it cannot be read, or not without executing what is in it.
    """
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        with torch.serialization.safe_globals(HARMLESS):
            found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise ConfigError(f"model.weights: {file} cannot be read ({error.strerror})") from error
    except (UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        why = named_global(error) or type(error).__name__
        raise ConfigError(
            f"model.weights: {file} holds no weights that can be read without executing it "
            f"({why}); if it is whole and trusted, save its weights as safetensors"
        ) from error
    for name in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    tensors = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in tensors if isinstance(value, Tensor)}
