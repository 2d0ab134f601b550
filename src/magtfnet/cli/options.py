"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
        "--labels", help="A mapping file: what native labels mean, which emotions are merged or left out."
    ),
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
