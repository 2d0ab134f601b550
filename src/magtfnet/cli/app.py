"""The application and its exit codes: 0 all done, 1 some inputs failed, 2 wrong use, 130 interrupted."""

import errno
import io
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from magtfnet import __version__
from magtfnet.cli import (
    check,
    compare,
    compare_runs,
    corpora,
    demo,
    evaluate,
    explain,
    export,
    fetch,
    listen,
    models,
    predict,
    reproduce,
    search,
    serve,
    ship,
    synthesize,
    timeline,
    train,
)
from magtfnet.cli.terminal import say
from magtfnet.errors import MagtfnetError, MissingExtraError

INTERRUPTED = 130
GOES_ON = {
    "train": "; what was finished is kept, --resume goes on",
    "predict": "; what was finished is kept, --resume goes on",
    "reproduce": "; what was finished is kept, --resume goes on",
    "compare": "; what was finished is kept, --resume goes on",
    "search": "; what was finished is kept, --resume goes on",
    "fetch": "; what was received is kept, the same command goes on",
}
"""What is said of a command that was interrupted."""

app = typer.Typer(
    help="Speech emotion recognition with MAGTF-Net, from the waveform to the emotion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    train.train,
    reproduce.reproduce,
    search.search,
    compare.compare,
    compare_runs.compare_runs,
    evaluate.evaluate,
    predict.predict,
    timeline.timeline,
    listen.listen,
    serve.serve,
    explain.explain,
    models.models,
    export.export,
    ship.ship,
    corpora.corpora,
    fetch.fetch,
    check.check,
    synthesize.synthesize,
    demo.demo,
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)
    ] = False,
) -> None:
    if version:
        sys.stdout.write(f"magtfnet {__version__}\n")
        raise typer.Exit


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal cannot show must not lose the results.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except MagtfnetError as error:
        _leave(str(error), 2)
    except TyperException as error:
        message = error.format_message().replace("\n", " ").rstrip(".")
        if message:
            named = [word for word in sys.argv[1:2] if word in _names()]
            _leave(f"{message}; see '{' '.join(['magtfnet', *named])} --help'", 2)
        sys.exit(2)  # the help was shown in its place
    except (Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "magtfnet":
            raise
        _leave(str(MissingExtraError(error.name, "train")), 2)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as 'head' does
        sys.exit(1)
    except OSError as error:
        _leave(_storage_message(error), 2)
    if code == INTERRUPTED:
        command = "".join(sys.argv[1:2])
        resumable = command != "predict" or any(
            word.split("=")[0] == "--out" for word in sys.argv
        )  # only a table of results is gone on with
        hint = GOES_ON.get(command, "") if resumable else ""
        _leave(f"interrupted{hint}", INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _names() -> list[str]:
    names = (str(info.name or getattr(info.callback, "__name__", "")) for info in app.registered_commands)
    return [name.replace("_", "-") for name in names]


def _storage_message(error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "free some space or choose another folder",
        errno.EDQUOT: "free some space or choose another folder",
        errno.EFBIG: "free some space or choose another folder",
        errno.EACCES: "check the permissions or choose another folder",
        errno.EPERM: "check the permissions or choose another folder",
        errno.EROFS: "choose a folder that can be written",
    }
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; {remedies.get(error.errno or 0, 'check the path')}"


def _leave(message: str, code: int) -> None:
    say(f"magtfnet: {' '.join(message.split())}")
    sys.exit(code)
