"""Bundles: whole or refused. Recognizers: the same answer whatever the company."""

import json
import pickle
import shutil
import stat

import numpy as np
import pytest
import soundfile
import torch

from magtfnet import (
    AudioError,
    Bundle,
    BundleError,
    DurationError,
    EmotionRecognizer,
    Prediction,
    Waveform,
    read_audio,
)
from magtfnet.audio import prepare
from magtfnet.config import AudioConfig
from magtfnet.recognizer.description import describe


@pytest.fixture
def bundle_dir(trained, tmp_path):
    shutil.copytree(trained.folder / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture(scope="module")
def recognizer(trained):
    return EmotionRecognizer.load(trained.folder / "bundle")


@pytest.fixture(scope="module")
def paths(synthetic):
    return [u.path for u in synthetic][:9]


def test_a_bundle_loads_equal(trained, bundle_dir):
    bundle = Bundle.load(bundle_dir)
    assert bundle.labels.classes == ("anger", "neutral", "sadness")
    assert bundle.provenance["corpus"] == "synthetic"
    assert bundle.provenance["licence"] == "CC0-1.0"
    assert bundle.scores["test"]["WA"] == trained.report.weighted_accuracy
    assert "# magtf_net on" in bundle.card
    assert not bundle.model.training


def test_a_bundle_saves_again_to_the_same_bytes(bundle_dir, tmp_path):
    Bundle.load(bundle_dir).save(tmp_path / "again")
    for name in ("bundle.json", "weights.safetensors", "checksums.json", "MODEL_CARD.md"):
        assert (tmp_path / "again" / name).read_bytes() == (bundle_dir / name).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "bundle"]  # no temporary folder is left
    (tmp_path / "ordinary").mkdir()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("again", "ordinary")]
    assert modes[0] == modes[1]  # as the user's umask has it


def test_nothing_in_a_bundle_executes(bundle_dir):
    for path in bundle_dir.iterdir():
        assert path.suffix in (".json", ".safetensors", ".md")
        with pytest.raises(Exception):  # noqa: B017, PT011 (any refusal will do: it is no pickle)
            pickle.loads(path.read_bytes())


def test_saving_over_a_folder_is_refused(bundle_dir):
    with pytest.raises(BundleError, match="exists already; remove it or choose another name"):
        Bundle.load(bundle_dir).save(bundle_dir)


def test_a_failed_save_leaves_nothing(bundle_dir, tmp_path, monkeypatch):
    bundle = Bundle.load(bundle_dir)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        bundle.save(tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle"]


def test_a_run_directory_is_told_where_its_bundle_is(trained):
    with pytest.raises(BundleError, match=r"a run directory; expected the bundle in it, .*bundle$"):
        Bundle.load(trained.folder)


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "checksums.json", "MODEL_CARD.md"])
def test_a_missing_file_is_named(bundle_dir, name):
    (bundle_dir / name).unlink()
    with pytest.raises(BundleError, match=rf"not a whole bundle, {name} is missing; copy it again"):
        Bundle.load(bundle_dir)


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "MODEL_CARD.md"])
def test_an_altered_file_is_named(bundle_dir, name):
    data = bytearray((bundle_dir / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle_dir / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name} was altered or damaged; copy the bundle again"):
        Bundle.load(bundle_dir)


def test_damaged_checksums_are_named(bundle_dir):
    (bundle_dir / "checksums.json").write_text("{")
    with pytest.raises(BundleError, match=r"checksums\.json is damaged"):
        Bundle.load(bundle_dir)


def rewrite(bundle_dir, change):
    """Alter a bundle and its checksum, as another version of magtfnet would."""
    import hashlib

    values = json.loads((bundle_dir / "bundle.json").read_text())
    change(values)
    data = json.dumps(values).encode()
    (bundle_dir / "bundle.json").write_bytes(data)
    sums = json.loads((bundle_dir / "checksums.json").read_text())
    sums["bundle.json"] = hashlib.sha256(data).hexdigest()
    (bundle_dir / "checksums.json").write_text(json.dumps(sums))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v.update(format_version=99),
            "bundle of version 99, expected 1; install the magtfnet that wrote it",
        ),
        (
            lambda v: v["model"].update(widht=3),
            "does not fit this magtfnet .*unknown configuration key 'model.widht'",
        ),
        (lambda v: v["model"].update(d_model=32), "weights do not fit the model"),
        (lambda v: v.pop("provenance"), "does not fit this magtfnet .*provenance"),
        (lambda v: v["labels"].update(merges=[]), "does not fit this magtfnet"),
        (lambda v: v["model"].update(name="resnet"), "does not fit this magtfnet .*unknown model 'resnet'"),
        (lambda v: v.pop("labels"), "does not fit this magtfnet .*labels"),
        (lambda v: v["labels"]["classes"].append("fear"), "weights do not fit the model"),
    ],
)
def test_another_version_is_named(bundle_dir, change, message):
    rewrite(bundle_dir, change)
    with pytest.raises(BundleError, match=message):
        Bundle.load(bundle_dir)


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff"])
@pytest.mark.parametrize("read", [Bundle.load, describe])
def test_a_description_that_is_none(bundle_dir, data, read):
    import hashlib

    (bundle_dir / "bundle.json").write_bytes(data)
    sums = json.loads((bundle_dir / "checksums.json").read_text())
    sums["bundle.json"] = hashlib.sha256(data).hexdigest()
    (bundle_dir / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(BundleError, match="does not fit this magtfnet"):
        read(bundle_dir)


def test_weights_that_are_no_numbers_are_refused(bundle_dir, tmp_path):
    bundle = Bundle.load(bundle_dir)
    with torch.no_grad():
        bundle.model.classifier.bias[0] = float("nan")
    bundle.save(tmp_path / "nan")
    with pytest.raises(BundleError, match="weights of the model are not finite numbers; train it again"):
        Bundle.load(tmp_path / "nan")


def test_what_is_no_bundle_is_named(tmp_path):
    with pytest.raises(BundleError, match="no such folder; expected a bundle"):
        EmotionRecognizer.load(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="a file; expected a bundle"):
        EmotionRecognizer.load(tmp_path / "file")


def test_a_prediction(recognizer, paths):
    prediction = recognizer.predict(paths[0])
    assert isinstance(prediction, Prediction)
    assert list(prediction.probabilities) == ["anger", "neutral", "sadness"]
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.label == max(prediction.probabilities, key=prediction.probabilities.get)
    assert prediction.confidence == prediction.probabilities[prediction.label]
    assert prediction.duration == pytest.approx(read_audio(paths[0]).duration)
    assert prediction.to_dict()["label"] == prediction.label


def test_the_same_alone_in_a_list_and_as_samples(recognizer, paths):
    together = recognizer.predict(paths)
    assert [p.label for p in together] == [recognizer.predict(str(path)).label for path in paths]
    for path, prediction in zip(paths, together, strict=True):
        alone, samples = recognizer.predict(path), recognizer.predict(read_audio(path))
        assert alone.probabilities == samples.probabilities
        assert list(prediction.probabilities.values()) == pytest.approx(
            list(alone.probabilities.values()), abs=1e-5
        )


def test_a_recognizer_answers_as_its_report_says(trained, recognizer, synthetic):
    for row in trained.report.rows:
        prediction = recognizer.predict(synthetic[row.id].path)
        assert prediction.label == row.predicted
        assert list(prediction.probabilities.values()) == pytest.approx(row.probabilities, abs=1e-5)


def test_any_rate_and_channel_count(recognizer, paths, tmp_path):
    samples, rate = soundfile.read(paths[0])
    soundfile.write(tmp_path / "stereo.flac", np.stack([samples, samples], axis=1), rate)
    plain, stereo = recognizer.predict(paths[0]), recognizer.predict(tmp_path / "stereo.flac")
    assert list(stereo.probabilities.values()) == pytest.approx(list(plain.probabilities.values()), abs=1e-4)
    soundfile.write(tmp_path / "48k.wav", np.repeat(samples, 3), 3 * rate)
    prepared = prepare(read_audio(tmp_path / "48k.wav"), AudioConfig())
    assert prepared.sample_rate == 16_000
    assert (
        recognizer.predict(tmp_path / "48k.wav").probabilities == recognizer.predict(prepared).probabilities
    )


def test_a_bad_file_raises_its_error_and_predict_each_goes_on(recognizer, paths, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    mixed = [paths[0], tmp_path / "bad.wav", paths[1]]
    with pytest.raises(AudioError, match=r"bad\.wav: not audio"):
        recognizer.predict(mixed)
    results = list(recognizer.predict_each(mixed))
    assert isinstance(results[1], AudioError)
    assert [results[0].label, results[2].label] == [recognizer.predict(path).label for path in paths[:2]]


def test_too_short_and_too_long_are_refused(recognizer):
    with pytest.raises(DurationError, match=r"0\.010 s of audio; give one utterance of 0\.025 to 600 s"):
        recognizer.predict(Waveform(np.zeros(160), 16_000))
    with pytest.raises(DurationError, match=r"601\.000 s of audio"):
        recognizer.predict(Waveform(np.zeros(601 * 8_000), 8_000))


def test_a_small_file_of_hours_is_refused_before_it_is_decoded(recognizer, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "hours.flac", np.zeros((8_000 * 3_600, 1), np.int16), 8_000)
    monkeypatch.setattr("magtfnet.audio.blocks.OpenRecording.blocks", lambda *_: pytest.fail("decoded"))
    with pytest.raises(DurationError, match=r"hours\.flac: 3600\.000 s of audio; give one utterance of"):
        recognizer.predict(tmp_path / "hours.flac")


def test_an_empty_list_is_an_empty_answer(recognizer):
    assert recognizer.predict([]) == []


def test_silence_has_a_finite_answer(recognizer):
    assert all(
        np.isfinite(list(recognizer.predict(Waveform(np.zeros(8_000), 16_000)).probabilities.values()))
    )


def test_predicting_leaves_the_callers_generator_alone(recognizer, paths):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    recognizer.predict(paths[0])
    assert torch.equal(torch.rand(3), expected)
