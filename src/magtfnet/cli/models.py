"""``magtfnet models``: what can be named: the models that come with magtfnet, and one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from magtfnet.cli.options import AsJson
from magtfnet.cli.terminal import say, show, show_json, show_table
from magtfnet.errors import MagtfnetError

if TYPE_CHECKING:
    from magtfnet.recognizer.library import Found


def models(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Further folders to look in, such as runs; all below is searched."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models that come with magtfnet and those in $MAGTFNET_MODELS: classes, licence, scores, checksum.

    Exit code 1 where one is damaged.
    """
    from magtfnet.recognizer.library import list_models, models_below

    found = list_models() + [model for folder in folders or [] for model in models_below(folder)]
    described, failed = [], 0
    for model in found:
        try:
            described.append(_described(model))
        except MagtfnetError as error:
            failed += 1
            say(f"magtfnet: {' '.join(str(error).split())}")
    if as_json:
        show_json(described)
    else:
        _show(described)
    if failed:
        raise typer.Exit(1)


def _described(model: "Found") -> dict[str, Any]:
    from magtfnet.recognizer.description import describe

    return {"name": model.name, "shipped": model.shipped, "path": str(model.path), **describe(model.path)}


def _show(described: list[dict[str, Any]]) -> None:
    rows = [
        (
            model["name"],
            "with magtfnet" if model["shipped"] else "own",
            str(len(model["classes"])),
            model["licence"],
            f"{model['bytes']:,}",
            "onnxruntime" if model["exported"] else "torch",
        )
        for model in described
    ]
    show_table(("model", "from", "classes", "licence", "bytes", "runs by"), rows)
    for model in described:
        show(f"{model['name']}: {', '.join(model['classes'])}")
        for line in model["scores"]:
            show(f"    {line}")
        if model["unsure_below"]:
            show(f"    not sure below {100 * model['unsure_below']:g} %")
        show(f"    {model['path']}, SHA-256 {model['sha256'][:16]}")
