"""``magtfnet export``: a file that answers as the bundle does, or one line and no file."""

import json

import pytest
import soundfile

from magtfnet import EmotionRecognizer


@pytest.fixture
def bundle(trained):
    return trained.folder / "bundle"


@pytest.fixture
def few(synthetic, tmp_path):
    """A folder of 8 recordings, a broken one and a text."""
    folder = tmp_path / "few" / "below"
    folder.mkdir(parents=True)
    for utterance in list(synthetic)[:8]:
        (folder / utterance.path.name).write_bytes(utterance.path.read_bytes())
    (folder / "broken.wav").write_bytes(b"nonsense")
    (folder / "notes.txt").write_text("no recording")
    return folder.parent


def test_a_file_is_written(cli, bundle, synthetic, tmp_path):
    done = cli("export", bundle, tmp_path / "model.onnx")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{tmp_path / 'model.onnx'}: {(tmp_path / 'model.onnx').stat().st_size:,} bytes\n"
    path = next(iter(synthetic)).path
    assert EmotionRecognizer.load(tmp_path / "model.onnx").predict(path).label
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx"]
    again = cli("export", bundle, tmp_path / "model.onnx")
    assert again.code == 2
    assert "model.onnx: is there already; choose another name, or --overwrite" in again.err


def test_int8_is_compared_on_a_corpus(cli, bundle, few, synthetic_root, tmp_path):
    out = tmp_path / "small.onnx"
    options = ["--int8", "--calibration", few, "--corpus", "synthetic", synthetic_root]
    done = cli("export", bundle, out, *options)
    assert done.code == 0, done.err
    assert "broken.wav: not audio in a known format" in done.err
    assert "notes.txt" not in done.err
    for words in ("float32", "int8", "WA changes by", "95 % interval", "of 48 utterances"):
        assert words in done.out
    told = json.loads(cli("export", bundle, out, *options, "--overwrite", "--json").out)
    assert told["bytes"] == out.stat().st_size < told["bytes_float32"]
    assert told["comparison"]["utterances"] == 48


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["model.onnx", "--int8"],
            "--int8 needs recordings that show it what it will hear; give --calibration",
        ),
        (["model.onnx", "--calibration", "x.wav"], "--calibration and --corpus belong to --int8"),
        (["model.onnx", "--corpus", "emodb", "x"], "--calibration and --corpus belong to --int8"),
        (["nowhere/model.onnx"], "nowhere: no such folder; make it, or choose another"),
        (["model.txt"], "model.txt: an exported model is known by its suffix; name it model.onnx"),
        (["."], ".: a folder; name the file to write, such as model.onnx"),
    ],
)
def test_wrong_use_is_one_line(cli, bundle, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = cli("export", bundle, *arguments)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_too_little_to_calibrate_on_writes_nothing(cli, bundle, tmp_path, synthetic):
    samples, rate = soundfile.read(next(iter(synthetic)).path)
    soundfile.write(tmp_path / "one.wav", samples, rate)
    done = cli("export", bundle, tmp_path / "model.onnx", "--int8", "--calibration", tmp_path / "one.wav")
    assert done.code == 2
    assert "1 recordings for calibration, expected at least 8" in done.err
    assert not (tmp_path / "model.onnx").exists()
