"""``magtfnet listen``: a file plays the microphone; a microphone that is not there is one line."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from magtfnet import EmotionRecognizer, MicrophoneError, MissingExtraError
from magtfnet.audio.sources import played, recorded
from magtfnet.cli.listen import bars
from magtfnet.timeline import Window


@pytest.fixture
def path(synthetic, tmp_path):
    from magtfnet import read_audio

    parts = [np.zeros(8_000, np.float32)]
    for utterance in list(synthetic)[::12]:
        parts += [read_audio(utterance.path).samples, np.zeros(12_000, np.float32)]
    soundfile.write(tmp_path / "call.flac", np.concatenate(parts), 16_000)
    return tmp_path / "call.flac"


def test_a_file_plays_the_microphone(cli, graph_path, path):
    done = cli("listen", "--file", path, "--speed", 0, "--model", graph_path)
    assert done.code == 0
    segments = EmotionRecognizer.load(graph_path).timeline(path).segments
    assert segments
    assert [line.split("\t")[2] for line in done.out.splitlines()] == [segment.label for segment in segments]
    assert "call.flac at 16000 Hz; Ctrl-C ends it" in done.err
    unsure = cli("listen", "--file", path, "--speed", 0, "--model", graph_path, "--unsure-below", 1)
    assert unsure.out == "".join(f"{line}\tnot sure\n" for line in done.out.splitlines())


def test_it_stops_after_so_long_and_keeps_what_was_heard(cli, graph_path, path):
    done = cli("listen", "--file", path, "--speed", 0, "--seconds", 1.5, "--model", graph_path)
    assert done.code == 0
    assert len(done.out.splitlines()) == 1


def test_it_is_played_as_it_was_spoken(path):
    waited = []
    with played(path, speed=2.0, sleep=waited.append) as source:
        pieces = list(source.pieces)
    assert sum(waited) == pytest.approx(sum(map(len, pieces)) / source.sample_rate / 2)
    assert max(map(len, pieces)) == 1_600


class PortAudioError(Exception):
    pass


def stand_in(error=None, busy=None):
    """A sounddevice whose microphone hears three pieces of two channels, and is then unplugged."""

    class InputStream:
        def __init__(self, *, callback, finished_callback, channels, blocksize, **_):
            self.callback, self.shape = callback, (blocksize, channels)
            self.finished = finished_callback

        def __enter__(self):
            if busy:
                raise busy
            for level in (0.1, 0.2, 0.3):
                self.callback(np.full(self.shape, level, np.float32), self.shape[0], None, None)
            self.finished()

        def __exit__(self, *_):
            pass

    def query_devices(device, kind):
        if error:
            raise error
        return {"name": f"microphone {device}", "default_samplerate": 8_000.0}

    return SimpleNamespace(
        InputStream=InputStream, query_devices=query_devices, PortAudioError=PortAudioError
    )


def test_a_microphone_is_heard_piece_by_piece(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in())
    with recorded("2") as source:
        assert (source.name, source.sample_rate) == ("microphone 2", 8_000)
        pieces = list(source.pieces)
    assert [piece.shape for piece in pieces] == [(800,)] * 3
    assert [piece[0] for piece in pieces] == pytest.approx([0.1, 0.2, 0.3])


def test_no_microphone_is_one_line(cli, graph_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in(PortAudioError("Error querying\ndevice -1")))
    done = cli("listen", "--model", graph_path)
    assert done.code == 2
    assert done.err == (
        "magtfnet: no microphone can be heard (Error querying device -1); "
        "plug one in, name another --device, or use --file\n"
    )
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in(busy=PortAudioError("Device unavailable")))
    with pytest.raises(MicrophoneError, match=r"can be heard \(Device unavailable\); plug"), recorded():
        pass
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'magtfnet\[listen\]'"), recorded():
        pass
    monkeypatch.delitem(sys.modules, "sounddevice")

    def no_library(name, *rest):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return imported(name, *rest)

    imported = __import__
    monkeypatch.setattr("builtins.__import__", no_library)
    with pytest.raises(MicrophoneError, match="install PortAudio, or use --file"), recorded():
        pass


def test_bars_say_name_share_and_label():
    window = Window(0, 1, (0.25, 0.75), (0.25, 0.75), "joy")
    first, second = bars(("anger", "joy"), window)
    assert first == f"  anger {'#' * 8:<30}  25 %"
    assert second == f"> joy   {'#' * 22:<30}  75 %"
    unsure = Window(0, 1, (0.25, 0.75), (0.25, 0.75), "joy", sure=False)
    assert [line[0] for line in bars(("anger", "joy"), unsure)] == [" ", "?"]
