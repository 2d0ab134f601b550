"""What a model says of itself, without loading its weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magtfnet.errors import BundleError
from magtfnet.recognizer.bundle_files import BUNDLE, GRAPH, read_description, read_files
from magtfnet.recognizer.onnx_engine import OnnxEngine


def describe(path: Path) -> dict[str, Any]:
    """Return classes, licence, corpus, scores (in words), size and checksum of a bundle or an exported file.

    Raises:
        BundleError: it is damaged.
    """
    try:
        return _described(path)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BundleError(f"{path}: does not fit this magtfnet ({error}); train it again") from error


def _described(path: Path) -> dict[str, Any]:
    if path.is_dir():
        files = read_files(path)
        values = read_description(path, files[BUNDLE])
        classes, facts, scores = values["labels"]["classes"], values["provenance"], values["scores"]
        licence = str(facts.get("licence", "not stated"))
        data, exported, unsure_below = b"".join(files.values()), GRAPH in files, values["unsure_below"]
    else:
        engine = OnnxEngine(path)
        classes, licence = list(engine.labels.classes), engine.metadata.get("licence", "not stated")
        facts, scores = json.loads(engine.metadata["provenance"]), json.loads(engine.metadata["scores"])
        data, exported, unsure_below = path.read_bytes(), True, engine.unsure_below
    return {
        "classes": list(classes),
        "licence": licence,
        "corpus": facts.get("corpus", "not stated"),
        "scores": _in_words(scores),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "exported": exported,
        "unsure_below": unsure_below,
    }


def _in_words(scores: Mapping[str, Any]) -> list[str]:
    """Return a line a protocol, or one of the test part."""
    told = [
        f"{one['protocol']}: WA {100 * one['WA']:.2f} %, UA {100 * one['UA']:.2f} % ({one['runs']} models like it)"
        for one in scores.get("cross_validation", [])
    ]
    if "test" in scores:
        test = scores["test"]
        told.append(f"its test part: WA {100 * test['WA']:.2f} %, UA {100 * test['UA']:.2f} %")
    return told
