"""What the page shows of a recording: its emotion, all probabilities, the spectrogram, the timeline under it."""

from collections.abc import Mapping, Sequence

import jinja2
from markupsafe import Markup

from magtfnet.audio.blocks import open_recording
from magtfnet.audio.prepare import prepare, prepare_blocks
from magtfnet.audio.waveform import Waveform
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.service.hearing import refuse_beyond
from magtfnet.service.limits import Limits
from magtfnet.service.page.spectrogram import spectrogram_picture
from magtfnet.timeline import Window
from magtfnet.timeline.page import timeline_picture

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("magtfnet.service.page"), autoescape=True, undefined=jinja2.StrictUndefined
)


def answer(recognizer: EmotionRecognizer, source: bytes | Waveform, limits: Limits) -> str:
    """Return HTML about a recording.

    Raises:
        AudioError: it cannot be used, or is beyond a limit.
    """
    with open_recording(source) as recording:
        refuse_beyond(recording, limits, limits.recording_seconds)
        audio = recognizer.engine.audio
        waveform = (
            prepare(source, audio) if isinstance(source, Waveform) else prepare_blocks(recording, audio)
        )
    prediction = recognizer.predict(waveform)
    return ENVIRONMENT.get_template("answer.html").render(
        label=prediction.label,
        confidence=prediction.confidence,
        sure=prediction.sure,
        least=prediction.unsure_below,
        duration=prediction.duration,
        bars=Markup(bars(prediction.probabilities, "Probability of each emotion")),
        spectrogram=spectrogram_picture(waveform.samples),
        highest=audio.sample_rate / 2000,
        timeline=Markup(timeline_picture(recognizer.timeline(waveform))),
    )


def bars(probabilities: Mapping[str, float], caption: str) -> str:
    """Return a table of emotions with bars, the most probable first."""
    rows = sorted(probabilities.items(), key=lambda row: -row[1])
    return ENVIRONMENT.get_template("bars.html").render(rows=rows, caption=caption)


def now(classes: Sequence[str], last: Window, seconds: float) -> str:
    """Return HTML about the window of a stream that was heard last."""
    told = bars(dict(zip(classes, last.smoothed, strict=True)), "Probability of each emotion now")
    return ENVIRONMENT.get_template("now.html").render(last=last, seconds=seconds, bars=Markup(told))


def said(text: str, *, alert: bool = False) -> str:
    """Return HTML of one sentence; one that is read out at once where it is an alert."""
    return ENVIRONMENT.get_template("said.html").render(text=text, alert=alert)
