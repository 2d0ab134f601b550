"""``magtfnet corpora``: what can be read, under which licence, and where to get it."""

from typing import TYPE_CHECKING, Any

from magtfnet.cli.options import AsJson
from magtfnet.cli.terminal import show, show_json, show_table

if TYPE_CHECKING:
    from magtfnet.corpora import CorpusInfo


def corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be read: language, licence, counts, where to get them."""
    from magtfnet.corpora import CORPORA

    infos = [CORPORA[name].info for name in CORPORA]
    if as_json:
        show_json([_plain(info) for info in infos])
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
        if info.downloads or info.request:
            show(f"    get it: {info.request or f'magtfnet fetch {info.name}'}")
        for name, part in info.parts.items():
            show(f"    --only {name}: {part.title}")


def _plain(info: "CorpusInfo") -> dict[str, Any]:
    """Return plain data for JSON; whether it can be fetched stands for where from."""
    from dataclasses import fields

    values = {item.name: getattr(info, item.name) for item in fields(info)}
    parts = {
        name: {"title": part.title, "utterances": part.utterances, "classes": part.classes}
        for name, part in info.parts.items()
    }
    return values | {"parts": parts, "downloads": bool(info.downloads)}
