"""The light install: everything that an exported file can do, where importing torch is an error."""

import json
import subprocess
import sys

import pytest

FORBIDDEN = ("torch", "onnx", "pandas", "pyarrow", "matplotlib", "scipy", "sklearn", "captum", "safetensors")
"""What only extras bring."""
GUARD = f"""
import sys
for name in {FORBIDDEN!r}:
    sys.modules[name] = None  # importing it is an ImportError
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", GUARD + code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command(*arguments):
    """Run the command line as the light install has it."""
    code = "sys.argv[0] = 'magtfnet'\nfrom magtfnet.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", GUARD + code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_it_predicts_as_the_full_install_does(graph_path, trained, synthetic):
    from magtfnet import EmotionRecognizer

    path = next(iter(synthetic)).path
    code = """
import json
from magtfnet import EmotionRecognizer
print(json.dumps(EmotionRecognizer.load(sys.argv[1]).predict(sys.argv[2]).to_dict()))
"""
    light, full = run(code, graph_path, path), EmotionRecognizer(trained.bundle).predict(path).to_dict()
    assert light["label"] == full["label"]
    assert light["duration"] == full["duration"]
    assert light["probabilities"] == pytest.approx(full["probabilities"], abs=1e-4)


def test_a_folder_becomes_a_table(graph_path, synthetic, tmp_path):
    folder = next(iter(synthetic)).path.parent
    done = command("predict", folder, "--recursive", "--model", graph_path, "--out", tmp_path / "x.csv")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "x.csv").read_text().splitlines()) > 1


def test_a_bundle_that_was_not_exported_is_one_line(trained, synthetic):
    done = command("predict", trained.folder / "bundle", next(iter(synthetic)).path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "is not installed: pip install 'magtfnet[train]'" in lines[0]


def test_it_streams_and_makes_timelines_as_the_full_install_does(graph_path, synthetic, tmp_path):
    from magtfnet import EmotionRecognizer

    path = next(iter(synthetic)).path
    code = """
import json
from magtfnet import EmotionRecognizer, StreamingRecognizer, read_audio
from magtfnet.timeline import Segment
from magtfnet.timeline.formats import FORMATS
recognizer = EmotionRecognizer.load(sys.argv[1])
timeline = recognizer.timeline(sys.argv[2])
waveform = read_audio(sys.argv[2])
stream = StreamingRecognizer(recognizer, sample_rate=waveform.sample_rate)
events = stream.push(waveform.samples) + stream.finish()
files = {name: len(FORMATS[name].write(timeline)) for name in FORMATS}
segments = [event.to_dict() for event in events if isinstance(event, Segment)]
print(json.dumps([timeline.to_dict(), segments, files]))
"""
    light, segments, files = run(code, graph_path, path)
    full = EmotionRecognizer.load(graph_path).timeline(path).to_dict()
    assert light == full
    assert segments == full["segments"]
    assert segments
    assert min(files.values()) > 0


def test_the_model_in_the_wheel_is_used(synthetic):
    done = command("predict", next(iter(synthetic)).path, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)[0]["probabilities"]) == 7
    done = command("models")
    assert done.returncode == 0, done.stderr


def test_the_command_line_predicts(graph_path, synthetic):
    done = command("predict", graph_path, next(iter(synthetic)).path, "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)[0]["probabilities"]) == {"anger", "neutral", "sadness"}
