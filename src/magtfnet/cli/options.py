"""Arguments and options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from magtfnet.errors import ConfigError

CorpusName = Annotated[str, typer.Argument(help="A registered corpus; 'magtfnet corpora' lists them.")]
CorpusRoot = Annotated[Path, typer.Argument(help="Where the copy lies; for 'table' the CSV or Parquet file.")]
BundlePath = Annotated[Path, typer.Argument(help="A bundle: the folder 'bundle' of a run directory.")]
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
