"""Streams: the same events however the sound is cut, equal to the timeline of the whole; each mistake is named."""

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_engine import LoudnessEngine

from magtfnet import (
    AudioPolicyError,
    EmotionRecognizer,
    EmptyAudioError,
    InvalidSamplesError,
    StreamError,
    StreamingRecognizer,
    Waveform,
)
from magtfnet.audio.prepare import resample
from magtfnet.audio.resample import ResampledStream
from magtfnet.config import AudioConfig
from magtfnet.timeline import Segment, TimelineSettings, Window

RATE = 16_000


def events_of(recognizer, samples, cuts=(), rate=RATE, **options):
    stream = StreamingRecognizer(recognizer, sample_rate=rate, **options)
    events, first = [], 0
    for cut in [*cuts, samples.shape[-1]]:
        events += stream.push(samples[..., first:cut])
        first = cut
    return events + stream.finish()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_events_do_not_depend_on_the_cuts(data, recognizer, call):
    short = call[: 12 * RATE]
    sizes = data.draw(st.lists(st.integers(0, 3 * RATE), max_size=30))
    cuts = np.minimum(np.cumsum(sizes, dtype=int), len(short)).tolist()
    assert events_of(recognizer, short, cuts) == events_of(recognizer, short)


@pytest.mark.parametrize("size", [1, 160, 511, 512, 513, 4_000])
def test_events_do_not_depend_on_the_size_of_pieces(recognizer, call, size):
    short = call[: 5 * RATE] if size == 1 else call
    assert events_of(recognizer, short, range(size, len(short), size)) == events_of(recognizer, short)


def test_no_event_ends_behind_the_sound(recognizer, call):
    rate = 44_100
    samples = resample(Waveform(call, RATE), rate).samples
    speech = np.flatnonzero(np.abs(samples) > 0.05)[-1]
    for length in range(speech - 20, speech):
        events = events_of(recognizer, samples[:length], rate=rate)
        assert max(event.end for event in events) <= length / rate


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled_as_a_whole_recording_is(recognizer, call, rate):
    samples = resample(Waveform(call, RATE), rate).samples
    pieces = range(rate // 7, len(samples), rate // 7)
    assert events_of(recognizer, samples, pieces, rate) == events_of(recognizer, samples, rate=rate)
    stream = ResampledStream(rate, RATE)
    together = np.concatenate([*(stream.push(part) for part in np.array_split(samples, 37)), stream.finish()])
    assert np.array_equal(together, resample(Waveform(samples, rate), RATE).samples)


def test_a_stream_is_the_timeline_of_the_whole(recognizer, call, tmp_path):
    soundfile.write(tmp_path / "call.flac", call, RATE)
    whole = recognizer.timeline(tmp_path / "call.flac")
    from magtfnet import read_audio

    events = events_of(recognizer, read_audio(tmp_path / "call.flac").samples, range(777, len(call), 777))
    assert tuple(e for e in events if isinstance(e, Window)) == whole.windows
    assert tuple(e for e in events if isinstance(e, Segment)) == whole.segments
    assert len(whole.segments) >= 5


def test_a_stream_of_a_real_model_is_its_timeline(graph_path, call):
    recognizer = EmotionRecognizer.load(graph_path)
    short = call[: 8 * RATE]
    events = events_of(recognizer, short, range(1_000, len(short), 1_000))
    assert [e for e in events if isinstance(e, Segment)] == list(
        recognizer.timeline(Waveform(short, RATE)).segments
    )


def test_a_window_is_told_as_soon_as_speech_reaches_its_end(recognizer, call):
    """A chunk of 32 ms behind a window that speech fills; behind a pause, less the pad, for what is shorter."""
    stream = StreamingRecognizer(recognizer, sample_rate=RATE, settings=TimelineSettings(window=1.0, hop=0.5))
    late = []
    for first in range(0, len(call), 512):
        for event in stream.push(call[first : first + 512]):
            if isinstance(event, Window):
                late.append(stream.seconds - event.end)
    filled = [seconds for seconds in late if seconds < 0.1]
    assert len(filled) > 5
    assert max(filled) <= 0.032
    assert max(late) <= 0.3 - 0.1 + 0.032


def test_windows_lie_inside_speech_and_are_heard_once(engine, recognizer, call):
    timeline = recognizer.timeline(Waveform(call, RATE), settings=TimelineSettings(window=1.0, hop=0.5))
    assert engine.heard == [round((w.end - w.start) * RATE) for w in timeline.windows]
    assert max(engine.heard) == RATE
    for window in timeline.windows:
        inside = [s for s in timeline.segments if s.start - 1 <= window.start and window.end <= s.end + 1]
        assert inside
    for before, after in zip(timeline.segments, timeline.segments[1:], strict=False):
        assert before.end <= after.start
    assert sum(s.windows for s in timeline.segments) == len(timeline.windows)


def test_loud_and_soft_are_told_apart(recognizer, call):
    labels = [s.label for s in recognizer.timeline(Waveform(call, RATE)).segments]
    assert {"anger", "sadness"} >= set(labels)
    assert len(set(labels)) == 2


def test_silence_and_no_sound_bring_nothing(recognizer):
    assert events_of(recognizer, np.zeros(5 * RATE, np.float32)) == []
    stream = StreamingRecognizer(recognizer, sample_rate=RATE)
    assert stream.push(np.zeros(0)) == []
    assert stream.finish() == []


def test_integers_and_channels_are_heard_as_samples_are(recognizer, call):
    whole = (call * 32_767).astype(np.int16)
    floats = events_of(recognizer, whole.astype(np.float32) / 32_768)
    assert events_of(recognizer, whole) == floats
    assert events_of(recognizer, np.stack([whole, whole]), range(999, len(call), 999)) == floats


def test_what_is_wrong_is_named_and_the_stream_goes_on(recognizer, call):
    stream = StreamingRecognizer(recognizer, sample_rate=RATE)
    events = stream.push(call[:RATE])
    with pytest.raises(InvalidSamplesError, match="1 samples are NaN or infinite"):
        stream.push(np.array([0.0, np.nan]))
    with pytest.raises(EmptyAudioError, match="found samples of shape 1x1x2"):
        stream.push(np.zeros((1, 1, 2)))
    events += stream.push(call[RATE:]) + stream.finish()
    assert events == events_of(recognizer, call)
    for again in (stream.finish, lambda: stream.push(call)):
        with pytest.raises(StreamError, match="this stream was finished; begin another"):
            again()


def test_what_cannot_be_streamed_is_named(call):
    with pytest.raises(StreamError, match="sample rate 0; give a positive rate"):
        StreamingRecognizer(EmotionRecognizer(LoudnessEngine()), sample_rate=0)
    with pytest.raises(AudioPolicyError, match="a model at 8000 Hz; use one trained at 16000 Hz"):
        StreamingRecognizer(
            EmotionRecognizer(LoudnessEngine(AudioConfig(sample_rate=8_000))), sample_rate=8_000
        )
    strict = EmotionRecognizer(LoudnessEngine(AudioConfig(resampling="refuse", channels="refuse")))
    with pytest.raises(AudioPolicyError, match=r"sample rate 8000 Hz, expected 16000 Hz; resample it"):
        StreamingRecognizer(strict, sample_rate=8_000)
    with pytest.raises(AudioPolicyError, match=r"2 channels, expected 1; set audio.channels"):
        StreamingRecognizer(strict, sample_rate=RATE).push(np.zeros((2, 10)))


def test_an_hour_of_speech_keeps_no_more_than_a_minute(recognizer, call):
    """What a stream holds does not grow: the samples that it may still be asked for."""
    stream = StreamingRecognizer(recognizer, sample_rate=RATE)
    sizes = []
    for _ in range(8):
        stream.push(call)
        sizes.append(len(stream._tracker._recent._data))
    assert len(set(sizes)) == 1
    assert sizes[0] < 10 * RATE
