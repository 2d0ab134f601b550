"""The models that a service has loaded, by the names that clients may give: a client's name is never a path."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magtfnet.errors import ConfigError
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.recognizer.description import describe
from magtfnet.recognizer.library import find_model
from magtfnet.service.problems import ProblemError


@dataclass(frozen=True)
class Served:
    """A model that is ready.

    Args:
        name: what clients call it.
        recognizer: what hears.
        about: what it says of itself.
    """

    name: str
    recognizer: EmotionRecognizer
    about: dict[str, Any]


class Models:
    """Models by name; the first is heard where a client names none.

    Args:
        served: at least one, each name once.

    Raises:
        ConfigError: a name twice.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._by_name: dict[str, Served] = {}
        for model in served:
            if model.name in self._by_name:
                raise ConfigError(
                    f"two models are called '{model.name}'; name one of them by --model NAME=PATH"
                )
            self._by_name[model.name] = model
        self.default = served[0]

    @classmethod
    def load(cls, given: Sequence[str]) -> "Models":
        """Load models by their names or paths, or as ``NAME=PATH``; where none is given the one that ships.

        Raises:
            MagtfnetError: see ``EmotionRecognizer.load``; or a name twice.
        """
        return cls([_load(text) for text in given] or [_load(None)])

    def __getitem__(self, name: str | None) -> Served:
        """Return the model of a name.

        Raises:
            ProblemError: it is not served; the names are listed.
        """
        if name is None:
            return self.default
        if name not in self._by_name:
            raise ProblemError(
                "unknown-model", f"no such model, expected one of {', '.join(sorted(self._by_name))}"
            )
        return self._by_name[name]

    def names(self) -> list[str]:
        """Return their names in the order they were given."""
        return [*self._by_name]

    def served(self) -> list[Served]:
        """Return them in the order they were given."""
        return [*self._by_name.values()]


def _load(text: str | None) -> Served:
    """Load what was given as a name, a path or ``NAME=PATH``; the model that comes with magtfnet for None."""
    named, path = None, text
    if text is not None and "=" in text and not Path(text).exists():  # a path may have the sign too
        named, _, path = text.partition("=")
    found = find_model(path)
    own = found.stem if found.suffix.lower() == ".onnx" else found.resolve().name
    return Served(own if named is None else named, EmotionRecognizer.load(found), describe(found))
