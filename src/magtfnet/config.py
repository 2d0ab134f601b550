"""The configuration of an experiment: TOML in, frozen checked values, TOML out again.

Every field has the paper's value where the paper gives one (Zhu et al., Sensors 2025, 25, 7378, section 4.2);
``docs/paper.md`` says where the others come from. A key that nobody knows is an error.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from magtfnet.errors import ConfigError

LONGEST_WINDOW = 65_536
"""In samples: about four seconds at 16 kHz. Anything longer is a slip of the hand."""


class Settings(BaseModel):
    """A frozen group of values that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and kind in (int, float):
            raise ValueError("a boolean where a number was expected")
        return value


Positive = Annotated[float, Field(gt=0)]
"""A candidate of a setting that must be above 0."""

S = TypeVar("S", bound=BaseModel)


def _refuse_twice(settings: S, name: str, values: Sequence[str]) -> S:
    if len(set(values)) < len(values):
        raise ValueError(f"{name} names one twice: {', '.join(values)}")
    return settings


class AudioConfig(Settings):
    """How a recording of any rate and channel count becomes mono at one rate."""

    sample_rate: int = Field(16_000, ge=1_000)
    channels: Literal["mean", "first", "second", "refuse"] = "mean"
    resampling: Literal["soxr_vhq", "soxr_hq", "soxr_mq", "refuse"] = "soxr_hq"


class StftConfig(Settings):
    """Short-time Fourier transform: Hann window, centred, zeros at both ends."""

    n_fft: int = Field(512, ge=2, le=LONGEST_WINDOW, multiple_of=2)
    win_length: int = Field(400, ge=2, le=LONGEST_WINDOW)
    hop_length: int = Field(160, ge=1, le=LONGEST_WINDOW)

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} must be at most n_fft {self.n_fft}")
        return self


class LogMelConfig(Settings):
    """Natural logarithm of the power in Slaney mel bands, of at least ``floor``."""

    n_mels: int = Field(40, ge=1, le=1024)
    f_min: float = Field(0.0, ge=0)
    f_max: float = Field(8_000.0, gt=0)
    floor: float = Field(1e-10, gt=0)


class LldConfig(Settings):
    """Low-level descriptors by librosa's definitions; ``frame_length`` is that of RMS and zero-crossing rate."""

    frame_length: int = Field(512, ge=2, le=LONGEST_WINDOW, multiple_of=2)
    roll_percent: float = Field(0.85, gt=0, lt=1)
    contrast_f_min: float = Field(100.0, gt=0)
    contrast_bands: int = Field(6, ge=1, le=16)
    contrast_quantile: float = Field(0.02, gt=0, lt=1)


class FeatureConfig(Settings):
    """The front end: what is computed from a waveform, and whether training statistics standardise it.

    ``functionals`` names the vector of an utterance: the ``statistics`` of the paper's descriptors, or the
    extended set (features/extended.py), whose statistics are fixed and whose 45 descriptors stand in for the paper's.
    """

    stft: StftConfig = StftConfig()
    log_mel: LogMelConfig = LogMelConfig()
    lld: LldConfig = LldConfig()
    functionals: Literal["paper", "extended"] = "paper"
    statistics: tuple[Literal["mean", "std", "min", "max", "range"], ...] = Field(
        ("mean", "std"), min_length=1
    )
    standardize: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        return _refuse_twice(self, "statistics", self.statistics)


class ModelConfig(BaseModel):
    """A registered model by name, and the values that its builder is given beside its defaults."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, protected_namespaces=())
    name: str = "magtf_net"

    @property
    def overrides(self) -> dict[str, Any]:
        """The builder's keywords."""
        return dict(self.model_extra or {})


class TrainingConfig(Settings):
    """The paper's recipe (section 4.2); the smoothing and the optimiser are ours, where it is silent.

    ``copies`` are augmented copies of the training part (audio/augment.py), which the paper does not have: in every
    epoch each utterance is drawn once, as it is or as one of them.
    """

    epochs: int = Field(50, ge=1)
    patience: int = Field(25, ge=1)
    batch_size: int = Field(32, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: float = Field(0.0, ge=0)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    copies: tuple[Literal["slower", "faster", "noise", "room", "telephone", "band", "excerpt"], ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        return _refuse_twice(self, "copies", self.copies)


class ProtocolConfig(Settings):
    """Who is trained on and who is tested on, by the protocol's name."""

    name: str = "speaker_independent_k_fold"
    folds: int = Field(5, ge=2)
    validation_share: float = Field(0.1, gt=0, lt=1)
    stratified: bool = True
    file: str | None = None


class ExperimentConfig(Settings):
    """Everything that decides a result, but for the corpus and the seed."""

    audio: AudioConfig = AudioConfig()
    features: FeatureConfig = FeatureConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    protocol: ProtocolConfig = ProtocolConfig()


def load_config(file: Path | None = None, overrides: Iterable[str] = ()) -> ExperimentConfig:
    """Return the defaults, changed by a TOML file, changed by ``section.key=value`` overrides.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or a value is refused.
    """
    values = _read_toml(file) if file is not None else {}
    for override in overrides:
        _apply(values, override)
    return validated(ExperimentConfig, values)


def changed(config: ExperimentConfig, values: Mapping[str, Any]) -> ExperimentConfig:
    """Return a configuration with other values, by dotted keys such as ``training.learning_rate``.

    Raises:
        ConfigError: an unknown key or a refused value.
    """
    plain = to_plain(config)
    for key, value in values.items():
        _put(plain, key, value)
    return validated(ExperimentConfig, plain)


def validated(kind: type[S], values: Mapping[str, Any], prefix: str = "") -> S:
    """Return ``kind`` filled with ``values``, or say in one line which key is wrong and what it may be."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(kind, error, prefix)) from error


def _explain(kind: type[BaseModel], error: ValidationError, prefix: str) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = prefix + ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys(kind, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"unknown configuration key '{key}', expected one of {', '.join(known)}{hint}"
    message = first["msg"].removeprefix("Value error, ")
    return f"configuration {key or 'values'} = {first['input']!r}: {message[0].lower()}{message[1:]}; change the value"


def _keys(kind: type[BaseModel], path: list[str]) -> list[str]:
    fields = kind.model_fields
    for part in path:
        annotation = fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        fields = annotation.model_fields
    return sorted(fields)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors put a mark before the first line
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such configuration file; check the path") from None
    except PermissionError:
        raise ConfigError(f"{file}: permission denied; check the permissions") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{file}: a folder where a configuration file was expected; name a .toml file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML ({error}); correct the file") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(
            f"override '{override}' is not of the form section.key=value, as training.epochs=20"
        )
    _put(values, key.strip(), _parse_value(text.strip()))


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for part in sections:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"'{key}': '{part}' is a value, not a section; name a key that exists")
    values[name] = value


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string: --set model.name=magtf_net needs no quotes


def to_plain(settings: BaseModel) -> dict[str, Any]:
    """Return plain data (no tuples, no None) that TOML and JSON can hold and that reads back equal."""
    return settings.model_dump(mode="json", exclude_none=True)
