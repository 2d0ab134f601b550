"""From a path or a name to an engine: onnxruntime's where the model was exported, else torch's."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magtfnet.errors import BundleError, MissingExtraError
from magtfnet.recognizer.bundle_files import BUNDLE, GRAPH, read_description, read_files
from magtfnet.recognizer.engine import Engine
from magtfnet.recognizer.library import find_model
from magtfnet.recognizer.onnx_engine import OnnxEngine

if TYPE_CHECKING:
    from magtfnet.recognizer.bundle import Bundle
    from magtfnet.recognizer.torch_engine import TorchEngine


def load_engine(
    model: str | os.PathLike[str] | None = None, *, threads: int = 1
) -> tuple[Engine, Path | None]:
    """Return the engine of a model, and the bundle's folder where it has one.

    Args:
        model: a bundle's folder, an ``.onnx`` file or a name; without it the model that comes with magtfnet.
        threads: of one prediction by onnxruntime.

    Raises:
        MagtfnetError: see ``EmotionRecognizer.load``.
    """
    path = find_model(model)
    if path.suffix.lower() == ".onnx" and not path.is_dir():
        return OnnxEngine(path, threads=threads), None
    if (path / GRAPH).is_file():
        files = read_files(path)
        engine = OnnxEngine(files[GRAPH], threads=threads)
        description = read_description(path, files[BUNDLE])
        if list(engine.labels.classes) != description["labels"]["classes"]:
            raise BundleError(
                f"{path}: {GRAPH} has other classes than {BUNDLE}; export the bundle again, or copy it again"
            )
        engine.unsure_below = description["unsure_below"]  # the bundle's own word goes first
        return engine, path
    return torch_engine(path), path


def torch_engine(bundle: "Bundle | Path") -> "TorchEngine":
    """Return the engine by torch of a bundle in memory or on disk.

    Raises:
        BundleError: see ``Bundle.load``.
        MissingExtraError: torch is not installed.
    """
    try:
        bundles: Any = import_module("magtfnet.recognizer.bundle")
        engines: Any = import_module("magtfnet.recognizer.torch_engine")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("magtfnet"):
            raise
        raise MissingExtraError(error.name, "train") from error
    engine: TorchEngine = engines.TorchEngine(
        bundles.Bundle.load(bundle) if isinstance(bundle, Path) else bundle
    )
    return engine
