"""What runs in the threads: bytes of a recording to a prediction or a timeline, within the limits of sound.

A file's header is held against the limits before a sample is decoded, and what is decoded is mixed and resampled block
by block: a small file that would become gigabytes is refused, or never becomes them.
"""

from dataclasses import replace

from magtfnet.audio.blocks import OpenRecording, open_recording
from magtfnet.audio.prepare import prepare_blocks
from magtfnet.errors import AudioPolicyError, DurationError
from magtfnet.prediction import Prediction
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.recognizer.timelines import timeline_of
from magtfnet.service.limits import Limits
from magtfnet.timeline import Timeline, TimelineSettings


def predict(
    recognizer: EmotionRecognizer, data: bytes, limits: Limits, waited: Progress = silent
) -> Prediction:
    """Return the emotion of a recording; ``waited`` is asked before it is heard, and may raise.

    Raises:
        AudioError: it cannot be used, or is beyond a limit.
    """
    with open_recording(data) as recording:
        refuse_beyond(recording, limits, limits.recording_seconds)
        waveform = prepare_blocks(recording, recognizer.engine.audio)
        waited("recordings", 0, 1)
        return replace(recognizer.predict(waveform), duration=recording.duration)


def timeline(
    recognizer: EmotionRecognizer,
    data: bytes,
    limits: Limits,
    *,
    settings: TimelineSettings = TimelineSettings(),
    by_channel: bool = False,
    waited: Progress = silent,
) -> Timeline:
    """Return the emotions of a recording along time; channels that are heard apart share the limit of its seconds.

    ``waited`` is asked once a block whether to go on, and may raise.

    Raises:
        AudioError: it cannot be used, or is beyond a limit.
    """
    with open_recording(data) as recording:
        refuse_beyond(
            recording, limits, limits.timeline_seconds / (recording.num_channels if by_channel else 1)
        )
        return timeline_of(recognizer, recording, settings=settings, by_channel=by_channel, progress=waited)


def refuse_beyond(recording: OpenRecording, limits: Limits, seconds: float) -> None:
    """Hold a recording's header against the limits.

    Raises:
        AudioError: it is beyond one.
    """
    refuse_form(recording.name, recording.sample_rate, recording.num_channels, limits)
    if recording.duration > seconds:
        raise DurationError(
            recording.name, f"{recording.duration:.1f} s of audio, at most {seconds:g} s are taken", "cut it"
        )


def refuse_form(name: object, sample_rate: int, channels: int, limits: Limits) -> None:
    """Hold a rate and a number of channels against the limits.

    Raises:
        AudioPolicyError: it is beyond one.
    """
    if sample_rate > limits.sample_rate:
        raise AudioPolicyError(
            str(name), f"{sample_rate} Hz, at most {limits.sample_rate} Hz are taken", "resample it"
        )
    if channels > limits.channels:
        raise AudioPolicyError(
            str(name), f"{channels} channels, at most {limits.channels} are taken", "mix it down"
        )
