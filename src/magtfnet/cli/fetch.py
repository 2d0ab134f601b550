"""``magtfnet fetch CORPUS [ROOT]``: download a corpus whose licence allows it; say how to ask for the others."""

from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.check import check
from magtfnet.cli.options import CorpusName
from magtfnet.cli.terminal import progress_bar, show
from magtfnet.errors import ConfigError


def fetch(
    corpus: CorpusName,
    root: Annotated[
        Path | None, typer.Argument(help="The folder to make; called as the corpus if not given.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="For audformat: name and version, such as emodb==1.4.1.")
    ] = None,
) -> None:
    """Say a corpus's licence, download it from its official address, and check the copy as 'check' does.

    A download that was stopped goes on when the same command is given again. Exit code 0 where the copy is the
    original, 1 where it is not or the corpus has to be asked for.
    """
    from magtfnet.corpora import CORPORA
    from magtfnet.corpora.download import fetch as download
    from magtfnet.corpora.download import fetch_database

    info = CORPORA[corpus].info
    if (corpus == "audformat") != (database is not None):
        wrong = "needs --database, such as emodb==1.4.1" if database is None else "takes no --database"
        raise ConfigError(f"fetch {corpus} {wrong}; {'give it' if database is None else 'leave it away'}")
    if not (info.downloads or info.request or database):
        raise ConfigError(
            f"corpus '{corpus}' is not published; there is nothing to fetch, it reads {info.source}"
        )
    root = root or Path(database.partition("==")[0] if database else corpus)
    show(f"{corpus}: {info.title}\n  licence: {info.licence}")
    if info.citation:
        show(f"  cite: {info.citation}")
    if info.request:
        show(f"  it cannot be downloaded here: {info.request}")
        raise typer.Exit(1)
    if database is not None:
        fetch_database(database, root)
    else:
        with progress_bar() as progress:
            download(info, root, progress)
    check(corpus, root)
