"""Models by their names: those that come with magtfnet, and those in the user's folder of models."""

import os
from dataclasses import dataclass
from pathlib import Path

from magtfnet.errors import BundleError, UnknownNameError
from magtfnet.recognizer.bundle_files import BUNDLE, is_bundle

SHIPPED = Path(__file__).parent.parent / "shipped"
"""In the wheel: a folder a model."""
DEFAULT = "emodb"
"""The model that is used where none is named."""


@dataclass(frozen=True)
class Found:
    """A model that can be named.

    Args:
        name: what it is called.
        path: its bundle, or its ``.onnx`` file.
        shipped: whether it came with magtfnet.
    """

    name: str
    path: Path
    shipped: bool


def models_folder() -> Path | None:
    """Return where a user's models lie: ``$MAGTFNET_MODELS``, else ``~/.local/share/magtfnet/models``.

    None where a user has no home, as in a container that runs under a number without a name.
    """
    named = os.environ.get("MAGTFNET_MODELS")
    if named:
        return Path(named)
    try:
        return Path.home() / ".local" / "share" / "magtfnet" / "models"
    except RuntimeError:
        return None


def list_models() -> list[Found]:
    """Return the models that come with magtfnet, then the user's, each sorted by name; a user's own goes first."""
    own = [
        Found(path.stem if path.suffix == ".onnx" else path.name, path, False)
        for path in _in(models_folder())
    ]
    taken = {found.name for found in own}
    return [Found(path.name, path, True) for path in _in(SHIPPED) if path.name not in taken] + own


def find_model(model: str | os.PathLike[str] | None = None) -> Path:
    """Return where a model lies, by its path or its name.

    Raises:
        UnknownNameError: neither; the message lists the names.
        BundleError: no model is named and none came with this copy of magtfnet.
    """
    known = {found.name: found.path for found in list_models()}
    if model is None:
        if DEFAULT not in known:
            raise BundleError(
                "no model came with this copy of magtfnet; name a bundle or an exported .onnx file"
            )
        return known[DEFAULT]
    path = Path(model)
    if str(model) in known and not (
        is_bundle(path) or path.is_file()
    ):  # a folder of another kind has its name
        return known[str(model)]
    if path.exists() or len(path.parts) != 1 or path.suffix:
        return path
    raise UnknownNameError("model", str(model), known or ["the path of a bundle"])


def models_below(folder: Path) -> list[Found]:
    """Return the models in a folder and below it, by their paths.

    Raises:
        BundleError: no such folder.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; name one that holds models, such as runs")
    below = {path.parent for path in folder.rglob(BUNDLE)} | set(folder.rglob("*.onnx"))
    return [
        Found(str(path.relative_to(folder)), path, False)
        for path in sorted(below)
        if path.parent not in below
    ]


def _in(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [entry for entry in entries if is_bundle(entry) or (entry.suffix == ".onnx" and entry.is_file())]
