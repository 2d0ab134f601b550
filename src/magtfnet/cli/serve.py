"""``magtfnet serve``: the interface over HTTP and WebSocket, and the page."""

from pathlib import Path
from typing import Annotated

import typer

from magtfnet.cli.terminal import say
from magtfnet.errors import MissingExtraError


def serve(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A bundle, an .onnx file or a name, or NAME=PATH; repeatable, the first is the default. "
            "Without it the model that ships.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; this machine alone if not given.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 for any that is free.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Its first line is what clients must show; else $MAGTFNET_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="A name by which clients may ask, as that of a reverse proxy; repeatable. "
            "Listening to this machine alone, only its own names otherwise.",
        ),
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", help="NAME=VALUE, such as body_mib=64; repeatable. docs/service.md lists them."
        ),
    ] = None,
    page: Annotated[bool, typer.Option(help="The page at /, where it is installed.")] = True,
) -> None:
    """Answer predictions, timelines and streams over the network until SIGTERM or Ctrl-C."""
    try:
        from magtfnet.service.admission import is_loopback, names
        from magtfnet.service.app import create_app
        from magtfnet.service.descriptors import allow_files
        from magtfnet.service.limits import parse_limits
        from magtfnet.service.logs import write_to_stderr
        from magtfnet.service.models import Models
        from magtfnet.service.server import listen
        from magtfnet.service.server import serve as run
        from magtfnet.service.state import State
        from magtfnet.service.tokens import Token
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("magtfnet"):
            raise
        raise MissingExtraError(error.name, "serve") from error
    chosen = parse_limits(limits or [])
    token = Token.find(token_file)
    allow_files(chosen.connections)
    listening = listen(host, port)
    with listening:
        state = State(Models.load(models or []), chosen, token, names(host, allow_host or []))
        if token is None and not is_loopback(host):
            say(f"magtfnet: everyone who reaches {host} can use this service; give it a --token-file")
        write_to_stderr()
        run(create_app(state, page=page), state, listening)
