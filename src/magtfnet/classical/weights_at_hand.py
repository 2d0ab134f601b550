"""What to say where the weights of an encoder are not at hand."""

import re
from pathlib import Path
from pickle import UnpicklingError


def named_global(error: Exception) -> str | None:
    """Return what a pickled file names that is no weight, in words; None where the error speaks of nothing such."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    return f"it names {named[1]}" if named else None


def where_to_get(weights: str, error: Exception, *, download: bool) -> str:
    """Return the line that says what is missing and how to get it.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        error: what came of reading it.
        download: it was to be fetched.
    """
    why = (str(error).splitlines() or [type(error).__name__])[0]
    if _is_path(weights) and not Path(weights).is_dir():
        return f"model.weights = '{weights}': no such folder; name the folder of a checkpoint"
    if not isinstance(error, OSError) or Path(weights).is_dir():
        if isinstance(error, UnpicklingError):  # torch's own words advise to execute it
            why = named_global(error) or "its pytorch_model.bin holds no weights"
        return (
            f"model.weights = '{weights}' is no checkpoint that can be read without executing it ({why}); expected "
            "config.json, preprocessor_config.json and model.safetensors or pytorch_model.bin"
        )
    if download:
        return f"the weights of {weights} cannot be fetched ({why}); check the name and the network"
    return (
        f"the weights of {weights} are not at hand; 'hf download {weights} --local-dir DIR' gets them, then "
        f"--weights NAME=DIR in a comparison; alone --set model.weights=DIR, or --set model.download=true"
    )


def _is_path(weights: str) -> bool:
    """Whether this is no name on the hub, which is one word or two with a slash between.

    Two words whose first is a folder here are a path whose end is missing.
    """
    parts = Path(weights).parts
    spelt_so = Path(weights).is_absolute() or weights.startswith((".", "~")) or "\\" in weights
    return spelt_so or len(parts) > 2 or (len(parts) == 2 and Path(parts[0]).is_dir())
