"""The widgets of the page and what they do: a file dropped, a recording made, one result for both."""

import logging
from pathlib import Path
from typing import Any

import gradio

from magtfnet.errors import MagtfnetError
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.service.logs import log, where
from magtfnet.service.page.answer import answer, now, said
from magtfnet.service.page.live import Live
from magtfnet.service.problems import ProblemError
from magtfnet.service.state import State

STREAM_EVERY = 0.5
"""Seconds of a piece."""
NOTHING = "Drop a file or record something; the result stands here."
STYLE = """
.gradio-container { max-width: min(76rem, 100vw) !important; margin: 0 auto; }
.answer h2 { font-size: 1.6rem; margin: .2rem 0; } .answer h2 small { font-weight: 400; font-size: 1rem; }
.answer img { width: 100%; height: 9rem; display: block; image-rendering: auto; background: #fff; }
.answer figure { margin: 1rem 0 .2rem; } .answer svg { width: 100%; height: auto; display: block; background: #fff; }
.answer svg text { font-size: 13px; fill: #444; }
.answer .key span { display: inline-block; margin-right: 1rem; }
.answer .key i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; }
.answer table, .now table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; }
.answer :is(table, tr, th, td), .now :is(table, tr, th, td) { border: 0 !important; background: none; }
.answer .heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.answer th, .now th { text-align: left; font-weight: 400; padding: .1rem .8rem .1rem 0; }
.answer td, .now td { padding: .1rem .4rem; font-variant-numeric: tabular-nums; }
.bars td { white-space: nowrap; }
.answer table:not(.bars) :is(th, td):first-child { display: none; } /* the channel: here they are mixed */
@media (max-width: 30rem) { .answer :is(th, td) { padding: 2px 3px 2px 0 !important; font-size: 13px !important; } }
.answer { overflow-x: auto; max-width: calc(100vw - 5rem); } .bars .bar { width: 70%; } 
.bars .bar span { display: block; height: .8em; background: #2c6fad; min-width: 1px; }
"""


def theme() -> gradio.themes.Base:
    """Return gradio's own look with the fonts of the system: nothing is fetched."""
    fonts = ("system-ui", "sans-serif")
    mono = ("ui-monospace", "monospace")
    return gradio.themes.Default(
        font=[gradio.themes.Font(f) for f in fonts], font_mono=[gradio.themes.Font(f) for f in mono]
    )


def build_page(state: State) -> Any:
    """Return the page of a service."""
    hears = Hears(state)
    with gradio.Blocks(
        title="magtfnet: emotions in speech",
        analytics_enabled=False,
    ) as page:
        gradio.Markdown("# Emotions in speech\nA recording is heard by this service and nowhere else.")
        model = gradio.Dropdown(
            state.models.names(),
            value=state.models.default.name,
            label="Model",
            visible=len(state.models.names()) > 1,
        )
        with gradio.Row():
            file = gradio.Audio(
                sources=["upload"],
                type="filepath",
                label="A recording: WAV, FLAC, OGG, MP3 or AIFF",
                editable=False,
                buttons=[],
                elem_id="file",
            )
            microphone = gradio.Audio(
                sources=["microphone"],
                streaming=True,
                type="filepath",
                label="Or record one",
                editable=False,
                buttons=[],
                elem_id="microphone",
            )
        for widget in (file, microphone):
            keep_to_uploads(widget, state)
        live = gradio.State(None, time_to_live=state.limits.idle_seconds, delete_callback=_forget)
        heard_now = gradio.HTML(elem_id="now")
        result = gradio.HTML(said(NOTHING), elem_id="result")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        file.upload(hears.file, [file, model], result, **quiet)
        file.clear(lambda: said(NOTHING), None, result, queue=False, **quiet)
        microphone.start_recording(hears.begin, [live, model], [live, heard_now, file], **quiet)
        microphone.stream(
            hears.piece,
            [microphone, live],
            [live, heard_now],
            stream_every=STREAM_EVERY,
            time_limit=int(state.limits.recording_seconds),
            **quiet,
        )
        microphone.stop_recording(hears.end, live, [live, heard_now, result], **quiet)
    # a recording holds one of these as long as it goes on
    page.max_threads = state.limits.requests + state.limits.streams
    page.queue(max_size=state.limits.requests, default_concurrency_limit=None)
    return page


class Hears:
    """What the widgets call; a mistake is a sentence on the page."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def file(self, path: str | None, model: str) -> str:
        """Return what is to be shown of an uploaded file."""
        if path is None:
            return said(NOTHING)
        try:
            recognizer, sent = self._recognizer(model), sent_file(path, self.state.kept)
            with self.state.work.request():
                return await self.state.work.recording(
                    lambda: answer(recognizer, sent.read_bytes(), self.state.limits)
                )
        except Exception as error:
            return self._sorry(error)

    async def begin(self, live: Live | None, model: str) -> tuple[Live | None, str, None]:
        """Begin a recording; a file that is there goes."""
        _forget(live)
        try:
            begun = Live(self._recognizer(model), self.state.limits, self.state.work)
        except Exception as error:
            return None, self._sorry(error), None
        return begun, said("Waiting for speech."), None

    async def piece(self, path: str | None, live: Live | None) -> tuple[Live | None, Any]:
        """Hear the next piece of a recording; return what is to be shown now.

        A piece that comes before the beginning, or behind the end, is no part of a recording.
        """
        if path is None or live is None:
            return live, gradio.skip()
        try:
            data = await self.state.work.run(self._taken, path)
            if self.state.uploads is not None:
                self.state.uploads.gone(len(data))
            await live.hear(data)
        except Exception as error:
            return live, self._sorry(error)
        if live.last is None:
            return live, said(f"Waiting for speech, {live.seconds:.1f} s heard.")
        return live, now(live.recognizer.labels.classes, live.last, live.seconds)

    async def end(self, live: Live | None) -> tuple[None, str, str]:
        """End a recording; return what is to be shown of the whole."""
        if live is None:
            return None, "", said(NOTHING)
        try:
            return None, "", await live.end()
        except Exception as error:
            return None, "", self._sorry(error)

    def _taken(self, path: str) -> bytes:
        """Return a piece of a recording that gradio wrote to a file, and remove the file."""
        file = sent_file(path, self.state.kept)
        data = file.read_bytes()
        file.unlink(missing_ok=True)
        return data

    def _recognizer(self, model: str) -> EmotionRecognizer:
        if self.state.draining.is_set():
            raise ProblemError("draining", "the service is being stopped; try again in some seconds")
        return self.state.models[model].recognizer

    def _sorry(self, error: Exception) -> str:
        """Return the sentence of a user's mistake; log one of ours."""
        if isinstance(error, (MagtfnetError, ProblemError)):
            return said(" ".join(str(error).split()), alert=True)
        log("mistake", level=logging.ERROR, error=where(error))
        return said("a mistake of the service; its operator finds it in the log", alert=True)


def keep_to_uploads(widget: gradio.Audio, state: State) -> None:
    """Let a widget take files that were sent here, and nothing else that a request names.

    gradio would copy any file that the process may read, and fetch any address: it looks where a path lies only in
    applications that it launched itself.
    """

    async def only_what_was_sent(path: str | Path) -> str:
        return str(sent_file(str(path), state.kept))

    widget.async_move_resource_to_block_cache = only_what_was_sent  # type: ignore[method-assign, assignment]


def sent_file(path: str, kept: Path | None) -> Path:
    """Return the file of a path that came with a request, which must be one that was sent here.

    gradio gives its functions whatever path a client writes into a request, past the browser; so it is held against
    the folder of uploads, links followed.

    Raises:
        ProblemError: it lies elsewhere, or is not there.
    """
    file = Path(path).resolve()
    if kept is None or not file.is_relative_to(kept.resolve()) or not file.is_file():
        raise ProblemError(
            "parameter", "this is no file that was sent here, or it is no longer kept; send it again"
        )
    return file


def _forget(live: Live | None) -> None:
    if live is not None:
        live.close()
