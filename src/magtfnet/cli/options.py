"""Arguments and options that several commands share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magtfnet.errors import ConfigError, RunDirectoryError

if TYPE_CHECKING:
    from magtfnet.config import ExperimentConfig
    from magtfnet.timeline import TimelineSettings

CorpusName = Annotated[str, typer.Argument(help="A registered corpus; 'magtfnet corpora' lists them.")]
CorpusRoot = Annotated[Path, typer.Argument(help="Where the copy lies; for 'table' the CSV or Parquet file.")]
BundlePath = Annotated[Path, typer.Argument(help="A bundle: the folder 'bundle' of a run directory.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A bundle, an .onnx file or a name ('magtfnet models' lists them); else the one that ships.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="A mapping file: what native labels mean, which emotions are merged or left out; or the name of a "
        "published label set, such as iemocap_4.",
    ),
]
Only = Annotated[
    str | None,
    typer.Option("--only", help="A named part of the corpus; 'magtfnet corpora' lists them."),
]
AllowIncomplete = Annotated[
    bool,
    typer.Option("--allow-incomplete", help="Use a copy whose number of utterances is not the official one."),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", help="Where features are kept (else $MAGTFNET_CACHE or ~/.cache/magtfnet)."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file; the paper's recipe without it.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="section.key=value, such as training.learning_rate=0.005.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Trainings side by side; without it a short trial decides.")
]
FoldsFile = Annotated[
    Path | None, typer.Option("--folds-file", help="For folds_from: a CSV of id,fold or EmoBox's folder.")
]
MAX_SEEDS = 1000
MAX_SEED = 2**31 - 1 - MAX_SEEDS
"""What every library takes, also of the last of so many."""
UnsureBelow = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="An answer of a lower probability is 'not sure'; else as the model has it."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WindowSeconds = Annotated[float, typer.Option("--window", help="Seconds of speech that are heard at once.")]
Hop = Annotated[float, typer.Option("--hop", help="Seconds from one window to the next.")]
Smoothing = Annotated[
    float, typer.Option("--smoothing", help="How much of the window before is kept, 0 to 1.")
]
Margin = Annotated[
    float, typer.Option("--margin", help="A label changes only where another is more probable by this much.")
]


KEYS = {
    "--model": "model.name",
    "--protocol": "protocol.name",
    "--folds": "protocol.folds",
    "--folds-file": "protocol.file",
    "--precision": "training.precision",
}
"""What options set of a configuration."""


def experiment(
    file: Path | None, overrides: Sequence[str] | None, options: Mapping[str, object]
) -> "ExperimentConfig":
    """Return the configuration of a file, changed by ``--set`` and by options, where they are given.

    Args:
        file: TOML; the paper's recipe without it.
        overrides: ``section.key=value``.
        options: some of ``KEYS``, None where one is not given.

    Raises:
        ConfigError: as ``load_config``; or an option that ``--set`` contradicts.
    """
    from magtfnet.config import changed, load_config, to_plain

    settings = load_config(file, overrides or [])
    set_keys = {override.partition("=")[0].strip() for override in overrides or []}
    named: dict[str, object] = {}
    for option, value in options.items():
        if value is None:
            continue
        section, name = KEYS[option].split(".")
        named[KEYS[option]] = wanted = value if isinstance(value, int) else str(value)
        taken = to_plain(settings)[section].get(name)
        if KEYS[option] in set_keys and taken != wanted:
            raise ConfigError(
                f"{option} {wanted} and --set {section}.{name}={taken} differ; give one of them"
            )
    return changed(settings, named)


def timeline_settings(**values: float) -> "TimelineSettings":
    """Return the settings that options make.

    Raises:
        ConfigError: a value that is refused, or two that do not fit together.
    """
    from magtfnet.config import validated
    from magtfnet.timeline import TimelineSettings

    return validated(TimelineSettings, values, "timeline.")


def refuse_filled(out: Path | None) -> None:
    """Refuse an ``--out`` that is a file, or a folder with anything in it.

    Raises:
        RunDirectoryError: it is.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunDirectoryError(f"{out}: is there already; choose another --out")


def refuse_given(what: str, options: Mapping[str, object]) -> None:
    """Refuse options that would be passed over.

    Args:
        what: they are of.
        options: what was given, by name; None where it was not.

    Raises:
        ConfigError: the first that was given.
    """
    for option, given in options.items():
        if given is not None:
            raise ConfigError(f"{option} is of {what}; leave it away")


def named_paths(option: str, given: Sequence[str]) -> dict[str, Path]:
    """Return what was given as ``NAME=PATH``, once a name.

    Raises:
        ConfigError: another form, or a name twice.
    """
    named = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise ConfigError(
                f"{option} '{text}' is not of the form NAME=PATH, as emodb=data/emodb; write it so"
            )
        if name in named:
            raise ConfigError(f"{option} names '{name}' twice; name it once")
        named[name] = Path(path)
    return named
