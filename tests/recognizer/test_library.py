"""Models by name, and the one that comes with magtfnet."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from magtfnet import BundleError, EmotionRecognizer, UnknownNameError, read_audio
from magtfnet.recognizer.bundle_files import BUNDLE, read_files, write_files
from magtfnet.recognizer.library import SHIPPED, find_model, list_models
from magtfnet.recognizer.onnx_engine import OnnxEngine
from magtfnet.recognizer.torch_engine import TorchEngine


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("MAGTFNET_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_who_has_no_home_has_no_models_of_his_own(monkeypatch):
    """A container under a number without a name."""

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("MAGTFNET_MODELS")
    monkeypatch.setattr(Path, "home", nobody)
    assert all(found.shipped for found in list_models())
    assert find_model() == SHIPPED / "emodb"
    assert find_model("a/model.onnx") == Path("a/model.onnx")


def test_the_model_in_the_wheel_is_small_and_whole():
    shipped = [found for found in list_models() if found.shipped]
    assert shipped
    for found in shipped:
        files = {path.name: path.stat().st_size for path in found.path.iterdir()}
        assert set(files) == {
            "bundle.json",
            "weights.safetensors",
            "model.onnx",
            "MODEL_CARD.md",
            "checksums.json",
        }
        assert sum(files.values()) <= 4_000_000


def test_the_model_in_the_wheel_answers_by_both_engines_alike(synthetic):
    recognizer = EmotionRecognizer.load()
    assert isinstance(recognizer.engine, OnnxEngine)
    waveforms = [read_audio(utterance.path).samples for utterance in list(synthetic)[:12]]
    by_torch = TorchEngine(recognizer.bundle).probabilities(waveforms)
    assert np.abs(by_torch - recognizer.engine.probabilities(waveforms)).max() < 1e-4


def test_the_model_in_the_wheel_has_learnt_what_it_was_given(emodb_root):
    """Not a score: it was trained on these. A file that was swapped or a transform that is off would fall to chance."""
    from magtfnet import load_corpus

    utterances = list(load_corpus("emodb", emodb_root))[::15]
    predictions = EmotionRecognizer.load().predict([utterance.path for utterance in utterances])
    right = [p.label == u.emotion for p, u in zip(predictions, utterances, strict=True)]
    assert np.mean(right) > 0.6


def test_its_card_says_what_it_is_and_is_not_for():
    bundle = EmotionRecognizer.load().bundle
    for words in (
        "CC0",
        "SHA-256",
        "new",
        "known from training",
        "What it is not for",
        "acted German",
        "held out",
    ):
        assert words in bundle.card
    protocols = [one["protocol"] for one in bundle.scores["cross_validation"]]
    assert protocols == ["folds_from emobox_emodb", "leave_one_speaker_out"]
    assert bundle.provenance["utterances"] == 535
    assert bundle.unsure_below == 0.5


def test_names_and_paths(trained, graph_path, own_models, monkeypatch):
    own_models.mkdir()
    shutil.copytree(trained.folder / "bundle", own_models / "mine")
    shutil.copy(graph_path, own_models / "light.onnx")
    (own_models / "notes.txt").write_text("no model")
    assert [found.name for found in list_models() if not found.shipped] == ["light", "mine"]
    assert find_model("mine") == own_models / "mine"
    assert find_model(own_models / "mine") == own_models / "mine"
    assert EmotionRecognizer.load("light").labels == EmotionRecognizer.load("mine").labels
    with pytest.raises(UnknownNameError, match="unknown model 'nobody', expected one of emodb, light, mine"):
        EmotionRecognizer.load("nobody")
    shutil.copytree(trained.folder / "bundle", own_models / "emodb")
    assert find_model() == own_models / "emodb"  # one's own goes first
    monkeypatch.setattr("magtfnet.recognizer.library.SHIPPED", own_models / "nowhere")
    shutil.rmtree(own_models)
    with pytest.raises(BundleError, match="no model came with this copy of magtfnet; name a bundle"):
        EmotionRecognizer.load()


def test_a_folder_of_another_kind_hides_no_model(trained, own_models, tmp_path, monkeypatch):
    """``fetch emodb`` makes a folder of that name where one stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emodb").mkdir()
    assert find_model("emodb") == SHIPPED / "emodb"
    shutil.copytree(trained.folder / "bundle", tmp_path / "emodb", dirs_exist_ok=True)
    assert str(find_model("emodb")) == "emodb"
    shutil.copytree(trained.folder / "bundle", own_models / "my.v2")
    assert find_model("my.v2") == own_models / "my.v2"


def test_models_are_listed(cli, trained, own_models, tmp_path):
    done = cli("models")
    assert done.code == 0
    for words in ("emodb", "CC0-1.0", "with magtfnet", "onnxruntime", "leave_one_speaker_out", str(SHIPPED)):
        assert words in done.out
    rows = json.loads(cli("models", trained.folder, "--json").out)
    assert [row["name"] for row in rows] == ["emodb", "bundle"]
    assert rows[1]["exported"] is False
    assert rows[1]["classes"] == ["anger", "neutral", "sadness"]
    assert rows[1]["scores"][0].startswith("its test part: WA ")


@pytest.mark.parametrize("scores", [[1], {"cross_validation": [{}]}, 3, {"test": None}])
def test_a_model_with_odd_scores_is_named_and_the_others_listed(cli, trained, own_models, scores):
    files = read_files(trained.folder / "bundle")
    files[BUNDLE] = json.dumps(json.loads(files[BUNDLE]) | {"scores": scores}).encode()
    own_models.mkdir()
    write_files(own_models / "odd", files)
    done = cli("models")
    assert done.code == 1
    assert f"{own_models / 'odd'}: does not fit this magtfnet" in done.err
    assert "emodb" in done.out


def test_a_damaged_model_is_named_and_the_others_listed(cli, trained, own_models):
    shutil.copytree(trained.folder / "bundle", own_models / "mine")
    (own_models / "mine" / "weights.safetensors").write_bytes(b"x")
    done = cli("models")
    assert done.code == 1
    assert "weights.safetensors was altered or damaged" in done.err
    assert "emodb" in done.out
    done = cli("models", own_models / "nowhere")
    assert done.code == 2
    assert "nowhere: no such folder; name one that holds models" in done.err
