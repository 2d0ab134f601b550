"""The page at ``/`` of the application, or a line that says how to get it."""

import atexit
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from magtfnet.errors import MissingExtraError, StorageError
from magtfnet.service.kept import PREFIX, Kept, remove_abandoned
from magtfnet.service.limits import MEBIBYTE
from magtfnet.service.state import State


def mount_page(app: FastAPI, state: State) -> FastAPI:
    """Return the application with the page, or, where gradio is not installed, with one line in its place."""
    if find_spec("gradio") is None:
        _say_what_is_missing(app)
        return app
    folder = _prepare_gradio()
    import gradio

    from magtfnet.service.page.layout import STYLE, build_page, theme

    state.uploads = Kept(Path(folder), state.limits.page_mib)
    gradio.mount_gradio_app(
        app,
        build_page(state),
        path="/",
        max_file_size=int(state.limits.body_mib * MEBIBYTE),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=STYLE,
    )
    return app


def _prepare_gradio() -> str:
    """Tell gradio to report nothing, and to keep uploads in a folder of this process, which goes with it.

    gradio reads both from the environment alone, some of it when it is imported.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    except OSError as error:
        raise StorageError(
            f"no folder for what is given to the page ({error.strerror}); set TMPDIR to one that can be written, or "
            "start with --no-page"
        ) from error
    remove_abandoned(Path(tempfile.gettempdir()))
    os.environ["GRADIO_TEMP_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _say_what_is_missing(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> PlainTextResponse:
        return PlainTextResponse(f"{MissingExtraError('gradio', 'page')}\n", status_code=501)
