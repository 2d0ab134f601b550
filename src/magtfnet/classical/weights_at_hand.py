"""What to say where the weights of an encoder are not at hand."""

from pathlib import Path


def where_to_get(weights: str, error: Exception, *, download: bool) -> str:
    """Return the line that says what is missing and how to get it.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        error: what came of reading it.
        download: it was to be fetched.
    """
    why = (str(error).splitlines() or [type(error).__name__])[0]
    if Path(weights).is_dir():
        return f"model.weights = '{weights}' is no checkpoint with safetensors ({why})"
    if Path(weights).is_absolute() or weights.startswith((".", "~")):
        return f"model.weights = '{weights}': no such folder; name the folder of a checkpoint"
    if download:
        return f"the weights of {weights} cannot be fetched ({why}); check the name and the network"
    return (
        f"the weights of {weights} are not at hand; 'hf download {weights} --local-dir DIR' gets them, then "
        f"--weights NAME=DIR in a comparison; alone --set model.weights=DIR, or --set model.download=true"
    )
