"""How long work says how far it has come: a function that is told, and draws nothing itself."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many are done, and how many there are."""


def silent(what: str, done: int, total: int) -> None:
    """Say nothing."""
