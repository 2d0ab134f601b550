"""An exported file answers as the bundle does, whatever the length, the company and the sound; else there is none."""

import hashlib
import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import soundfile
import torch

from magtfnet import Bundle, BundleError, EmotionRecognizer, ExportError, StorageError, read_audio
from magtfnet.config import AudioConfig, FeatureConfig, ModelConfig
from magtfnet.deploy import export
from magtfnet.deploy.parity import TOLERANCE, check_parity, odd_recordings
from magtfnet.deploy.waveform_model import WaveformModel
from magtfnet.features import FrontEnd
from magtfnet.features.exportable import (
    even_of_tables,
    even_tables,
    gathered_frames,
    power_of_tables,
    power_tables,
)
from magtfnet.recognizer.bundle import build
from magtfnet.recognizer.onnx_engine import OnnxEngine, _refuse_other_graph, run_graph


@pytest.fixture(scope="module")
def bundle(trained):
    return trained.bundle


def test_it_answers_as_torch_does(bundle, graph_path, synthetic):
    paths = [utterance.path for utterance in synthetic]
    by_torch = EmotionRecognizer(bundle).predict(paths)
    by_file = EmotionRecognizer.load(graph_path).predict(paths)
    for one, other in zip(by_torch, by_file, strict=True):
        assert list(other.probabilities.values()) == pytest.approx(list(one.probabilities.values()), abs=1e-4)
        assert (one.label, one.duration) == (other.label, other.duration)


def test_it_answers_as_torch_does_on_real_speech(bundle, exported, emodb_root):
    paths = sorted((emodb_root / "wav").glob("*.wav"))[::60]
    engine = OnnxEngine(exported)
    by_torch = EmotionRecognizer(bundle).engine.probabilities([read_audio(path).samples for path in paths])
    by_file = engine.probabilities([read_audio(path).samples for path in paths])
    assert np.abs(by_torch - by_file).max() < 1e-5


def test_the_extended_functionals_are_in_the_file(bundle):
    """Torch and the file meet no two voices, peaks or ranks differently, whatever the sound."""
    features = FeatureConfig(functionals="extended")
    model, standardizer = build(3, AudioConfig(), features, ModelConfig(name="magtf_net", channels=8))
    front_end = FrontEnd(AudioConfig(), features)
    waves = [torch.from_numpy(samples) for name, samples in odd_recordings(16_000) if len(samples) < 200_000]
    standardizer.fit(front_end(wave[None], torch.tensor([len(wave)])) for wave in waves)
    extended = replace(bundle, features=features, model=model.eval(), standardizer=standardizer)
    engine = OnnxEngine(export(extended))  # which refuses where the file answers otherwise
    assert len({tuple(row) for row in engine.probabilities([wave.numpy() for wave in waves]).round(6)}) > 4


def test_a_batch_answers_as_each_alone(exported):
    engine = OnnxEngine(exported)
    waveforms = [samples for samples in dict(odd_recordings(16_000)).values() if len(samples) < 100_000]
    together = run_graph(engine.session, waveforms)
    assert together.shape == (len(waveforms), 3)
    assert np.abs(together - engine.probabilities(waveforms)).max() < 1e-5


def test_what_stands_in_the_padding_changes_nothing(exported):
    engine = OnnxEngine(exported)
    short, long = np.full(8_000, 0.1, np.float32), np.zeros(12_345, np.float32)
    long[:8_000] = short
    feeds = [{"waveforms": long[None], "lengths": np.array([8_000])}]
    long = long.copy()
    long[8_000:] = np.nan
    feeds.append({"waveforms": long[None], "lengths": np.array([8_000])})
    expected = run_graph(engine.session, [short])
    for feed in feeds:
        assert engine.session.run(None, feed)[0] == pytest.approx(expected, abs=1e-6)


def test_the_check_covers_what_it_promises():
    recordings = dict(odd_recordings(16_000))
    durations = [len(samples) / 16_000 for samples in recordings.values()]
    assert min(durations) == 0.1
    assert max(durations) == 60
    assert {"silence", "clipped"} <= set(recordings)
    assert not recordings["silence"].any()
    assert (np.abs(recordings["clipped"]) == 1).mean() > 0.1


def test_a_file_that_answers_otherwise_is_refused(bundle, exported):
    other = WaveformModel(Bundle(**{**vars(bundle), "standardizer": _moved(bundle.standardizer)}))
    with pytest.raises(
        ExportError, match=r"answers otherwise than torch \(0\.1 s like speech: .* nothing was written"
    ):
        check_parity(exported, other, 16_000)
    assert check_parity(exported, WaveformModel(bundle), 16_000) < TOLERANCE / 10


def _moved(standardizer):
    from copy import deepcopy

    moved = deepcopy(standardizer)
    moved.functionals_mean += 2.0
    return moved


def test_what_onnx_has_not_is_named(bundle, monkeypatch):
    from magtfnet.models.dual_branch import DualBranchNet

    def forward(self, *, log_mel, lengths, functionals):
        return torch.fft.rfft(functionals).real[:, :3]

    monkeypatch.setattr(DualBranchNet, "forward", forward)
    with pytest.raises(
        ExportError, match=r"cannot be written as ONNX .*; give its blocks an exportable form"
    ):
        export(bundle)


def test_the_file_says_what_it_is(bundle, exported):
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(exported).metadata_props}
    assert metadata["format"] == "magtfnet 1"
    assert metadata["sample_rate"] == "16000"
    assert metadata["licence"] == "CC0-1.0"
    assert metadata["card"] == bundle.card
    assert json.loads(metadata["labels"])["classes"] == ["anger", "neutral", "sadness"]
    assert json.loads(metadata["provenance"])["corpus"] == "synthetic"
    assert json.loads(metadata["scores"]) == bundle.scores


def test_the_file_holds_no_path_and_little_but_weights(bundle, exported):
    assert b".py" not in exported
    weights = sum(4 * tensor.numel() for tensor in bundle.model.state_dict().values())
    assert len(exported) < weights + 200_000


def test_export_is_repeatable(bundle, exported):
    assert export(bundle) == exported


def test_a_bundle_with_its_graph_needs_no_torch_engine(bundle, exported, tmp_path, synthetic):
    replace(bundle, graph=exported).save(tmp_path / "bundle")
    recognizer = EmotionRecognizer.load(tmp_path / "bundle")
    assert isinstance(recognizer.engine, OnnxEngine)
    assert recognizer.bundle.graph == exported  # and the weights are there for what needs torch
    path = next(iter(synthetic)).path
    assert recognizer.predict(path).label == EmotionRecognizer(bundle).predict(path).label
    assert recognizer.explain(path).label == recognizer.predict(path).label


def test_an_altered_graph_is_named(bundle, exported, tmp_path):
    replace(bundle, graph=exported).save(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").write_bytes(exported + b"\0")
    with pytest.raises(BundleError, match=r"model\.onnx was altered or damaged"):
        EmotionRecognizer.load(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"not a whole bundle, model\.onnx is missing"):
        EmotionRecognizer.load(tmp_path / "bundle")


def test_what_is_no_exported_file_is_named(tmp_path, graph_path, exported):
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(BundleError, match=r"bad\.onnx: not an ONNX file that can be run .*; export it again"):
        EmotionRecognizer.load(tmp_path / "bad.onnx")
    with pytest.raises(StorageError, match=r"nowhere\.onnx: No such file .*; name an exported \.onnx file"):
        EmotionRecognizer.load(tmp_path / "nowhere.onnx")
    graph = onnx.load_from_string(exported)
    for properties, message in (
        ({}, "an ONNX file, but not one of magtfnet's"),
        (
            {"format": "magtfnet 9"},
            "of format 'magtfnet 9', expected 'magtfnet 1'; install the magtfnet that wrote",
        ),
        ({"format": "magtfnet 1", "labels": "{"}, "its metadata is damaged"),
    ):
        del graph.metadata_props[:]
        onnx.helper.set_model_props(graph, properties)
        (tmp_path / "other.onnx").write_bytes(graph.SerializeToString())
        with pytest.raises(BundleError, match=message):
            EmotionRecognizer.load(tmp_path / "other.onnx")
    with pytest.raises(BundleError, match="load the bundle instead"):
        _ = EmotionRecognizer.load(graph_path).bundle


def rename_input(graph):
    graph.graph.input[0].name = "x"
    for node in graph.graph.node:
        node.input[:] = ["x" if name == "waveforms" else name for name in node.input]


def with_labels(text):
    def change(graph):
        kept = {entry.key: entry.value for entry in graph.metadata_props}
        del graph.metadata_props[:]
        onnx.helper.set_model_props(graph, kept | {"labels": text})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_input, "takes x, lengths and gives probabilities .*; expected waveforms, lengths and probabilities of"),
        (with_labels('{"classes": ["anger", "joy"], "merges": {}}'), "expected .* probabilities of 2 classes: export"),
        (with_labels("[" * 200_000), "its metadata is damaged"),
    ],
    ids=["input", "classes", "nested"],
)  # fmt: skip
def test_a_graph_that_does_not_fit_its_words_is_refused(change, message, exported, tmp_path):
    graph = onnx.load_from_string(exported)
    change(graph)
    (tmp_path / "other.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(BundleError, match=message):
        EmotionRecognizer.load(tmp_path / "other.onnx")


@pytest.mark.parametrize("shape", [[], [3], ["batch", 3, 1]])
def test_an_output_of_another_rank_is_refused(shape):
    session = SimpleNamespace(
        get_inputs=lambda: [SimpleNamespace(name=name) for name in ("waveforms", "lengths")],
        get_outputs=lambda: [SimpleNamespace(name="probabilities", shape=shape)],
    )
    with pytest.raises(BundleError, match="expected waveforms, lengths and probabilities of 3 classes"):
        _refuse_other_graph(session, 3, "a.onnx")


def test_a_bundle_and_its_graph_must_have_the_same_classes(tmp_path):
    folder = shutil.copytree(files("magtfnet") / "shipped" / "emodb", tmp_path / "emodb")
    values = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    values["labels"]["classes"][0] = "wrath"
    data = json.dumps(values).encode()
    (folder / "bundle.json").write_bytes(data)
    sums = json.loads((folder / "checksums.json").read_text())
    (folder / "checksums.json").write_text(
        json.dumps(sums | {"bundle.json": hashlib.sha256(data).hexdigest()})
    )
    with pytest.raises(
        BundleError, match=r"emodb: model\.onnx has other classes than bundle\.json; export the bundle"
    ):
        EmotionRecognizer.load(folder)


@pytest.mark.parametrize("size", [2, 6, 34, 350, 400, 512, 1024, 1296])
def test_the_transform_by_products_is_the_transform(size, generator):
    frames = torch.from_numpy(generator.standard_normal((2, 3, size)))
    expected = torch.fft.rfft(frames).abs().square()
    torch.testing.assert_close(power_of_tables(frames, power_tables(size)), expected, rtol=1e-12, atol=1e-11)
    even = torch.cat((expected, expected[..., 1:-1].flip(-1)), dim=-1)
    for count in {1, size // 4 + 1, size // 2 + 1}:
        expected = torch.fft.fft(even).real[..., :count]
        torch.testing.assert_close(
            even_of_tables(even, even_tables(size, count)), expected, rtol=1e-11, atol=1e-8
        )


@pytest.mark.parametrize(("length", "hop"), [(512, 160), (400, 160), (16, 16), (7, 3)])
def test_gathered_frames_are_unfolded_frames(length, hop, generator):
    padded = torch.from_numpy(generator.standard_normal((2, 1_003 + length)))
    assert torch.equal(gathered_frames(padded, length, hop), padded.unfold(1, length, hop))


def test_any_rate_and_a_bad_file_by_an_exported_file(graph_path, synthetic, tmp_path):
    recognizer = EmotionRecognizer.load(graph_path)
    path = next(iter(synthetic)).path
    samples, rate = soundfile.read(path)
    soundfile.write(tmp_path / "stereo.flac", np.stack([samples, samples], axis=1), rate)
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    results = list(recognizer.predict_each([path, tmp_path / "bad.wav", tmp_path / "stereo.flac"]))
    assert "not audio" in str(results[1])
    assert results[2].label == results[0].label


def test_the_python_of_the_docs_runs(graph_path, synthetic, tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    shutil.copy(graph_path, tmp_path / "model.onnx")
    shutil.copy(next(iter(synthetic)).path, tmp_path / "call.wav")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/onnx.md", "exec"), {})
    assert "'anger'" in capsys.readouterr().out
