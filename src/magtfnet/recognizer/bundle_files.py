"""The files of a bundle on disk: read whole and unaltered, or refused. Needs no torch.

``bundle.json`` holds the configurations, the labels, the corpus's licence, where the model came from and how
it scored; ``weights.safetensors`` its weights and the statistics of its standardisation; ``MODEL_CARD.md``
what it is and is not for; ``model.onnx``, where it was exported, the same model for a runtime without torch;
``checksums.json`` the SHA-256 of each.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magtfnet.errors import BundleError, ConfigError
from magtfnet.prediction import threshold
from magtfnet.writing import whole_folder

FORMAT_VERSION = 1
BUNDLE, WEIGHTS, CHECKSUMS, CARD = "bundle.json", "weights.safetensors", "checksums.json", "MODEL_CARD.md"
GRAPH = "model.onnx"


def is_bundle(folder: Path) -> bool:
    """Tell whether a folder is a bundle or what is left of one."""
    return any((folder / name).is_file() for name in (BUNDLE, WEIGHTS, CHECKSUMS))


def refuse_run_directory(folder: Path) -> None:
    """Say where the bundle is, for a folder that has one in it.

    Raises:
        BundleError: it has.
    """
    if (folder / "bundle" / CHECKSUMS).is_file():
        raise BundleError(f"{folder}: a run directory; expected the bundle in it, {folder / 'bundle'}")


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a bundle by name, each as its checksum has it.

    Raises:
        BundleError: not a bundle, or a file missing or altered.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise BundleError(f"{folder}: {found}; expected a bundle, the folder 'bundle' of a run directory")
    refuse_run_directory(folder)
    for name in (CHECKSUMS, BUNDLE, WEIGHTS, CARD):
        if not (folder / name).is_file():
            raise BundleError(f"{folder}: not a whole bundle, {name} is missing; copy it again")
    sums = _read_sums(folder)
    files = {name: (folder / name).read_bytes() for name in (BUNDLE, WEIGHTS, CARD)}
    if GRAPH in sums and not (folder / GRAPH).is_file():
        raise BundleError(f"{folder}: not a whole bundle, {GRAPH} is missing; copy it again")
    if (folder / GRAPH).is_file():
        files[GRAPH] = (folder / GRAPH).read_bytes()
    for name, data in files.items():
        if sums.get(name) != hashlib.sha256(data).hexdigest():
            raise BundleError(f"{folder}: {name} was altered or damaged; copy the bundle again")
    return files


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and their checksums to a folder that does not exist yet, all of them or none.

    Raises:
        BundleError: the folder exists.
    """
    if folder.exists():
        raise BundleError(f"{folder}: exists already; remove it or choose another name")
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    with whole_folder(folder) as temporary:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        (temporary / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def read_description(folder: Path, data: bytes) -> dict[str, Any]:
    """Return what ``bundle.json`` says; ``unsure_below`` stands in it also where a bundle of before has none.

    Raises:
        BundleError: of another version, or not a description.
    """
    try:
        values: dict[str, Any] = json.loads(data)
        if values["format_version"] != FORMAT_VERSION:
            raise BundleError(
                f"{folder}: bundle of version {values['format_version']}, expected {FORMAT_VERSION}; "
                "install the magtfnet that wrote it, or train it again"
            )
        _ = values["labels"]["classes"]
        return values | {"unsure_below": threshold(values.get("unsure_below", 0.0))}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, ConfigError) as error:
        raise BundleError(f"{folder}: does not fit this magtfnet ({error}); train it again") from error


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        sums = json.loads((folder / CHECKSUMS).read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder}: {CHECKSUMS} is damaged; copy the bundle again") from error
    return sums if isinstance(sums, dict) else {}
