"""``magtfnet corpora``: what can be read, under which licence, and where to get it."""

import json

from magtfnet.cli.options import AsJson
from magtfnet.cli.terminal import show, show_table


def corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be read: language, licence, counts, where to get them."""
    from dataclasses import asdict

    from magtfnet.corpora import CORPORA

    infos = [CORPORA[name].info for name in CORPORA]
    if as_json:
        show(json.dumps([asdict(info) for info in infos], indent=2))
        return
    rows = [
        (
            info.name,
            info.language or "",
            "" if info.utterances is None else str(info.utterances),
            "" if info.speakers is None else str(info.speakers),
            info.licence,
        )
        for info in infos
    ]
    show_table(("corpus", "language", "utterances", "speakers", "licence"), rows)
    for info in infos:
        show(f"{info.name}: {info.title}.\n    expects {info.source}")
        if info.citation:
            show(f"    cite {info.citation}")
