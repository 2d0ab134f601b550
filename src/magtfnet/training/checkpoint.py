"""What a training needs to go on where it was stopped: written whole or not at all, read without running code."""

from pathlib import Path
from typing import Any

import torch

from magtfnet.errors import RunDirectoryError, StorageError
from magtfnet.writing import whole_file

DAMAGED = "damaged checkpoint; remove it to start this run again"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write plain data and tensors to a temporary name, then rename it."""
    with whole_file(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote.

    Raises:
        RunDirectoryError: the file is damaged.
        StorageError: the system does not let us read it.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror or error}; check the permissions and the disk"
        ) from error
    except Exception as error:  # whatever a damaged file makes the unpickler trip over
        raise RunDirectoryError(f"{path}: {DAMAGED}") from error
    if not isinstance(state, dict):
        raise RunDirectoryError(f"{path}: {DAMAGED}")
    return state
