"""What a search varies: configuration keys with choices or ranges, read from TOML.

[space]
"training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
"training.batch_size" = [16, 32, 64]
"model.d_model" = { low = 64, high = 256, step = 64 }
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from magtfnet.config import ExperimentConfig, Settings, changed, validated
from magtfnet.errors import ConfigError
from magtfnet.experiments.preparation import check_settings

if TYPE_CHECKING:
    import optuna

Value = str | int | float | bool
CORNERS = 64
"""That are tried before a space is refused."""
SEARCHED = ("training", "model")


class Range(Settings):
    """Numbers from ``low`` to ``high``, both included; whole ones where all that the file gives is whole."""

    low: float
    high: float
    step: float | None = Field(None, gt=0)
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range starts above 0 and has no step")
        return self

    def suggest(self, trial: "optuna.Trial", key: str) -> int | float:
        """Return what the sampler suggests."""
        if self.whole:
            return trial.suggest_int(
                key, round(self.low), round(self.high), step=round(self.step or 1), log=self.log
            )
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class SearchSpace:
    """Configuration keys, each with its choices or its range."""

    keys: Mapping[str, tuple[Value, ...] | Range]

    @property
    def is_grid(self) -> bool:
        """Whether every key has choices, so that all points can be tried."""
        return not any(isinstance(values, Range) for values in self.keys.values())

    @property
    def size(self) -> int:
        """The number of points of a grid."""
        return math.prod(len(values) for values in self.keys.values() if not isinstance(values, Range))

    def grid(self) -> dict[str, list[Value]]:
        """Return the choices of each key; only a grid has them all."""
        return {key: list(values) for key, values in self.keys.items() if not isinstance(values, Range)}

    def suggest(self, trial: "optuna.Trial") -> dict[str, Value]:
        """Return a value for each key, as the sampler suggests them."""
        suggested: dict[str, Any] = {}
        for key, values in self.keys.items():
            if isinstance(values, Range):
                suggested[key] = values.suggest(trial, key)
            else:
                suggested[key] = trial.suggest_categorical(key, list(values))
        return suggested

    def corners(self) -> dict[str, list[Value]]:
        """Return the values of each key that must be acceptable, whatever is tried: choices, or the ends of a range."""
        return {
            key: [_number(end, values.whole) for end in (values.low, values.high)]
            if isinstance(values, Range)
            else list(values)
            for key, values in self.keys.items()
        }

    def refuse_impossible(self, config: ExperimentConfig, num_classes: int) -> None:
        """Refuse a space of which no corner makes a model: a key that no model has, values of another kind.

        Raises:
            ConfigError: what the last corner was refused for.
        """
        corners = self.corners()
        for point in islice(product(*corners.values()), CORNERS):
            try:
                check_settings(changed(config, dict(zip(corners, point, strict=True))), num_classes)
            except ConfigError as error:
                refused = error
            else:
                return
        raise refused

    def plain(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            key: values.model_dump(exclude_none=True) if isinstance(values, Range) else list(values)
            for key, values in self.keys.items()
        }


PAPERS_GRID = SearchSpace(
    {
        "training.learning_rate": (0.01, 0.005, 0.001),
        "training.batch_size": (16, 32, 64),
        "model.dropout": (0.1, 0.3, 0.5),
    }
)
"""The paper's grid of 27 points (section 4.2)."""


def read_space(file: Path, config: ExperimentConfig) -> SearchSpace:
    """Read the section ``space`` of a TOML file.

    Args:
        file: the file.
        config: what the keys change.

    Raises:
        ConfigError: not such a file, an unknown key, or a value that the configuration refuses.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; name the TOML file of the space") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML ({error}); correct the file") from error
    if set(content) != {"space"} or not isinstance(content["space"], dict) or not content["space"]:
        raise ConfigError(f"{file}: expected one section [space] with keys; see 'magtfnet search --help'")
    for key in content["space"]:
        if key.partition(".")[0] not in SEARCHED or key == "model.name":
            raise ConfigError(
                f"{file}: '{key}' cannot be searched, expected keys of {' and '.join(SEARCHED)} such as "
                "training.learning_rate; features and splits are the same for all trials"
            )
    space = SearchSpace({key: _values(file, key, given) for key, given in content["space"].items()})
    for key, values in space.corners().items():
        for value in values:
            changed(config, {key: value})
    return space


def _values(file: Path, key: str, given: Any) -> tuple[Value, ...] | Range:
    if isinstance(given, dict):
        whole = all(isinstance(given.get(name, 0), int) for name in ("low", "high", "step"))
        if "whole" in given or not {"low", "high"} <= given.keys():
            raise ConfigError(
                f"{file}: '{key}' has {', '.join(given) or 'nothing'}, expected low and high; a key with a dot wants "
                "quotation marks"
            )
        try:
            return validated(Range, {"whole": whole, **given})
        except ConfigError as error:
            raise ConfigError(f"{file}: '{key}': {str(error).removeprefix('configuration ')}") from None
    choices = isinstance(given, list) and given and all(isinstance(value, Value) for value in given)
    if not choices or len(set(given)) < len(given):
        raise ConfigError(
            f"{file}: '{key}' = {given!r} is neither a list of different values nor {{ low, high }}; write one of them"
        )
    return tuple(given)


def _number(value: float, whole: bool) -> int | float:
    return round(value) if whole else value
