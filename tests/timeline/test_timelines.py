"""Timelines of recordings: any container and channel count, block by block, written as files that programs read."""

import csv
import io
import json
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from magtfnet import AudioError, ConfigError, EmotionRecognizer, Timeline, TimelineSettings, Waveform
from magtfnet.audio.blocks import open_recording
from magtfnet.timeline import Segment, Window
from magtfnet.timeline.formats import FORMATS

RATE = 16_000


@pytest.fixture
def path(call, tmp_path):
    soundfile.write(tmp_path / "call.wav", call, RATE, subtype="FLOAT")
    return tmp_path / "call.wav"


def made(**values):
    """Two channels, one label that is hard to write."""
    window = Window(0.5, 2.0, (0.7, 0.3), (0.7, 0.3), "joy")
    segments = (Segment(0.5, 2.0, "joy", 0.7, 1), Segment(1.0, 3_700.5, 'a "b" <c> & d', 0.5, 2, 1))
    base = {
        "source": "some call.wav",
        "duration": 4_000.0,
        "channels": 2,
        "classes": ("joy", 'a "b" <c> & d'),
    }
    return Timeline(**base, windows=(window,), segments=segments, settings=TimelineSettings(), **values)


def test_files_and_samples_have_the_same_timeline(recognizer, path, call):
    by_file, by_samples = recognizer.timeline(path), recognizer.timeline(Waveform(call, RATE))
    assert by_file.segments == by_samples.segments
    assert by_file.windows == by_samples.windows
    assert by_file.duration == pytest.approx(len(call) / RATE)
    assert by_file.envelope == by_samples.envelope


def test_blocks_are_the_recording(path, call):
    for seconds in (0.001, 0.77, 1_000):
        with open_recording(path) as recording:
            assert np.array_equal(np.concatenate(list(recording.blocks(seconds))), call)


def test_channels_are_heard_one_by_one(recognizer, call, tmp_path):
    other = np.roll(call, 5 * RATE) * 0.5
    soundfile.write(tmp_path / "two.wav", np.stack([call, other], axis=1), RATE, subtype="FLOAT")
    both = recognizer.timeline(tmp_path / "two.wav", by_channel=True)
    assert both.channels == 2
    assert len(both.envelope) == 2
    for channel, samples in enumerate((call, other)):
        alone = recognizer.timeline(Waveform(samples, RATE)).segments
        assert [(s.start, s.end, s.label) for s in both.of_channel(channel)] == [
            (s.start, s.end, s.label) for s in alone
        ]
    mixed = recognizer.timeline(tmp_path / "two.wav")
    assert mixed.channels == 1


def test_what_cannot_be_used_is_named_as_elsewhere(recognizer, path, call, tmp_path):
    data = path.read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "bad.wav").write_bytes(b"nonsense, and more of it")
    soundfile.write(tmp_path / "short.wav", call[:100], RATE)
    spoilt = call.copy()
    spoilt[len(call) // 2] = np.nan
    soundfile.write(tmp_path / "nan.wav", spoilt, RATE, subtype="FLOAT")
    for name, words in (
        ("cut.wav", "bytes that its header promises are missing"),
        ("empty.wav", "an empty file"),
        ("bad.wav", "not audio in a known format"),
        ("short.wav", "shorter than one analysis window"),
        ("nan.wav", "1 samples are NaN or infinite"),
        ("nowhere.wav", "no such file"),
        (".", "a folder where a recording was expected"),
    ):
        with pytest.raises(AudioError, match=words):
            recognizer.timeline(tmp_path / name)


def test_a_header_that_promises_the_moon_is_refused_unread(recognizer, tmp_path):
    """4 GB declared, a few bytes there: nothing is allocated for what is promised."""
    data = b"\0" * 1_000
    header = (
        b"RIFF"
        + struct.pack("<I", 0x7000_0000)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    )
    (tmp_path / "moon.wav").write_bytes(header + b"data" + struct.pack("<I", 0x7000_0000 - 36) + data)
    with pytest.raises(AudioError, match="truncated, 18790"):
        recognizer.timeline(tmp_path / "moon.wav")


def test_progress_is_told_in_seconds(recognizer, path, call):
    told = []
    recognizer.timeline(path, progress=lambda *what: told.append(what))
    total = round(len(call) / RATE)
    assert told[-1] == ("seconds", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_json_and_csv():
    values = json.loads(FORMATS["json"].write(made()))
    assert values["segments"][1] == {
        "start": 1.0, "end": 3700.5, "label": 'a "b" <c> & d', "sure": True,
        "confidence": 0.5, "windows": 2, "channel": 1,
    }  # fmt: skip
    assert values["windows"][0]["probabilities"] == [0.7, 0.3]
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].write(made()))))
    assert [row["label"] for row in rows] == ["joy", 'a "b" <c> & d']
    assert rows[1]["end"] == "3700.500"


def test_textgrid_has_no_gaps():
    text = FORMATS["textgrid"].write(made())
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n')
    assert "size = 2\n" in text
    tiers = text.split("    item [")[1:]
    assert 'name = "emotion channel 2"' in tiers[1]
    for tier, expected in zip(tiers, (["", "joy", ""], ["", 'a ""b"" <c> & d', ""]), strict=True):
        lines = [line.strip() for line in tier.splitlines()]
        times = [float(line.split(" = ")[1]) for line in lines if line.startswith(("xmin", "xmax"))][2:]
        assert times[0] == 0
        assert times[-1] == 4000
        assert times[1:-1:2] == times[2::2]  # each begins where the one before ended
        assert [line.split(" = ")[1][1:-1] for line in lines if line.startswith("text")] == expected


def test_no_interval_of_a_textgrid_is_without_length():
    end = 16_078 / 16_000
    facts = {"source": "a", "channels": 1, "classes": ("joy",), "settings": TimelineSettings()}
    found = Timeline.of_events(
        [Segment(0.0, end, "joy", 0.9, 1)], duration=44_315 / 44_100, **facts
    )  # 0.28 µs more
    assert "intervals: size = 1" in FORMATS["textgrid"].write(found)
    beyond = replace(found, duration=1.0, segments=(Segment(0.0, 1.00001, "joy", 0.9, 1),))
    assert "intervals: size = 1" in FORMATS["textgrid"].write(beyond)


def test_vtt_audacity_and_rttm():
    vtt = FORMATS["vtt"].write(made())
    assert vtt.startswith("WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nchannel 1: joy (70 %)\n\n")
    assert '00:00:01.000 --> 01:01:40.500\nchannel 2: a "b" &lt;c&gt; &amp; d (50 %)' in vtt
    assert FORMATS["audacity"].write(made()).splitlines()[0] == "0.500000\t2.000000\t1: joy"
    first, second = FORMATS["rttm"].write(made()).splitlines()
    assert first == "SPEAKER some_call 1 0.500 1.500 <NA> <NA> joy 0.7000 <NA>"
    assert len(second.split()) == 10


def test_every_file_says_what_is_not_sure():
    doubtful = replace(made(), segments=tuple(replace(s, sure=s.channel == 0) for s in made().segments))
    assert [s["sure"] for s in json.loads(FORMATS["json"].write(doubtful))["segments"]] == [True, False]
    assert [row["sure"] for row in csv.DictReader(io.StringIO(FORMATS["csv"].write(doubtful)))] == [
        "true",
        "false",
    ]
    for name, sure, unsure in (
        ("textgrid", 'text = "joy"\n', '& d (not sure)"\n'),
        ("vtt", "joy (70 %)\n", "d (50 %, not sure)\n"),
        ("audacity", "1: joy\n", "d (not sure)\n"),
        ("html", 'fill-opacity="0.35"', 'fill-opacity="0.12"'),
        ("html", "<td>70 %</td>", "<td>50 %, not sure</td>"),
    ):
        text = FORMATS[name].write(doubtful)
        assert (text.count(sure), text.count(unsure)) == (1, 1), name
        assert "not sure" not in FORMATS[name].write(made())
    assert FORMATS["rttm"].write(doubtful) == FORMATS["rttm"].write(made())  # it has the confidence


def test_the_recognizer_has_the_threshold(engine, path):
    sure = EmotionRecognizer(engine).timeline(path)
    least = sorted(segment.confidence for segment in sure.segments)[1]
    unsure = EmotionRecognizer(engine, unsure_below=least).timeline(path)
    assert {s.sure for s in unsure.segments} == {True, False}
    assert [s.sure for s in unsure.segments] == [s.confidence >= least for s in sure.segments]
    assert all(event.sure for event in (*sure.segments, *sure.windows))
    assert [s.label for s in unsure.segments] == [s.label for s in sure.segments]


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("count", [100, 4_600])
def test_a_curve_has_no_pause_where_speech_has_none(count):
    starts = [*range(count), *range(count + 60, count + 80)]  # a minute of silence
    windows = [Window(k, k + 3.0, (0.7, 0.3), (0.7, 0.3), "joy") for k in starts]
    page = FORMATS["html"].write(replace(made(), windows=tuple(windows), duration=count + 90.0))
    for curve in re.findall(r'<path [^>]*d="([^"]+)"', page):
        assert curve.count("M") == 2
        assert curve.count("L") < 1_600


def test_the_page_needs_nothing_beside_it(recognizer, path):
    text = FORMATS["html"].write(recognizer.timeline(path))
    page = Page()
    page.feed(text)
    assert page.links == []
    assert "script" not in page.tags
    assert page.tags.count("path") == 3  # a curve a class
    assert page.tags.count("rect") == len(recognizer.timeline(path).segments)
    assert 'role="img"' in text
    assert "&lt;c&gt;" in FORMATS["html"].write(made(envelope=((0.1, 0.5), (0.0, 0.2))))
    assert "<c>" not in FORMATS["html"].write(made())


def test_nothing_ends_behind_the_recording():
    window = Window(0.5, 1.00006, (1.0,), (1.0,), "joy")
    segment = Segment(0.5, 1.00006, "joy", 0.9, 1)
    facts = {"source": "a", "channels": 1, "classes": ("joy",), "settings": TimelineSettings()}
    found = Timeline.of_events([window, segment], duration=1.00004, **facts)
    assert found.windows[0].end == found.segments[0].end == found.duration == 1.00004


def test_empty_timelines_are_written(recognizer):
    nothing = recognizer.timeline(Waveform(np.zeros(RATE), RATE))
    for name in FORMATS:
        assert isinstance(FORMATS[name].write(nothing), str)
    assert "intervals: size = 1" in FORMATS["textgrid"].write(nothing)


def test_a_model_that_hears_no_streams_is_no_recordings_fault(cli, graph_path, path, monkeypatch):
    def refuse(*_, **__):
        raise ConfigError("audio.sample_rate = 8000: speech is found at 16000 Hz; set it")

    monkeypatch.setattr(EmotionRecognizer, "timeline", refuse)
    done = cli("timeline", path, path, "--model", graph_path)
    assert done.code == 2
    assert done.err == "magtfnet: audio.sample_rate = 8000: speech is found at 16000 Hz; set it\n"


def test_the_command_prints_and_writes(cli, graph_path, path, tmp_path):
    printed = cli("timeline", path, "--model", graph_path)
    assert printed.code == 0
    rows = [line.split("\t") for line in printed.out.splitlines()]
    found = EmotionRecognizer.load(graph_path).timeline(path)
    assert [row[4] for row in rows] == [segment.label for segment in found.segments]
    unsure = cli("timeline", path, "--model", graph_path, "--unsure-below", 1)
    assert unsure.out == "".join(f"{line}\tnot sure\n" for line in printed.out.splitlines())
    values = json.loads(cli("timeline", path, "--model", graph_path, "--json").out)
    assert values[0]["segments"] == found.to_dict()["segments"]
    both = cli("timeline", path, "--model", graph_path, "--json", "--out", tmp_path / "out")
    assert (both.code, both.out) == (2, "")
    assert "--json prints, --out writes files; give --out with --format json, or leave one away" in both.err
    every = [part for name in FORMATS for part in ("--format", name)]
    done = cli("timeline", path, "--model", graph_path, "--out", tmp_path / "out", *every)
    assert done.code == 0
    assert {p.suffix for p in (tmp_path / "out").iterdir()} == {FORMATS[name].suffix for name in FORMATS}
    again = cli("timeline", path, "--model", graph_path, "--out", tmp_path / "out")
    assert (again.code, again.out) == (2, "")
    assert "call.json: is there already; choose another --out, or --overwrite" in again.err
    assert cli("timeline", path, "--model", graph_path, "--out", tmp_path / "out", "--overwrite").code == 0


def test_a_bad_recording_does_not_stop_the_others(cli, graph_path, path, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    done = cli("timeline", tmp_path / "bad.wav", path, "--model", graph_path, "--out", tmp_path / "out")
    assert done.code == 1
    assert "bad.wav: not audio in a known format" in done.err
    assert "1 of 2 recordings could not be used" in done.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["call.html", "call.json"]


def test_wrong_use_is_one_line(cli, path, tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("call.flac", "CALL.flac"):  # one file to some file systems
        (tmp_path / "below" / name).write_bytes(path.read_bytes())
    for arguments, words in (
        ((path, "--format", "vtt"), "--format writes files; name a folder for them with --out"),
        (
            (path, "--out", tmp_path, "--format", "srt"),
            "unknown format 'srt', expected one of audacity, csv, html",
        ),
        ((path, tmp_path / "below" / "call.flac", "--out", tmp_path / "o"), "would both be written to"),
        ((path, tmp_path / "below" / "CALL.flac", "--out", tmp_path / "o"), "would both be written to"),
        ((path, "--out", path), "a file; name a folder"),
        ((path, "--hop", "9"), "hop 9 s must be at most window 3 s"),
        ((path, "--model", "nobody"), "unknown model 'nobody'"),
    ):
        done = cli("timeline", *arguments)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
        assert len(done.err.splitlines()) == 1
