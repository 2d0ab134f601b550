"""What a training needs to go on where it was stopped: written whole or not at all, read without running code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from magtfnet.errors import RunDirectoryError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write plain data and tensors to a temporary name, then rename it."""
    temporary = path.with_name(f"{path.name}.part")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote.

    Raises:
        RunDirectoryError: the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise RunDirectoryError(f"{path}: damaged checkpoint; remove it to start this run again") from error
    return state
