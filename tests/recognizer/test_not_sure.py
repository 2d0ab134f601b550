""" "Not sure": the threshold of a model, kept by every form of it, told by every way of asking."""

import csv
import io
import json
import shutil
from dataclasses import replace

import onnx
import pytest

from magtfnet import BundleError, ConfigError, EmotionRecognizer
from magtfnet.deploy import export
from magtfnet.recognizer import Bundle
from magtfnet.recognizer.description import describe
from magtfnet.recognizer.many import predict_many
from magtfnet.recognizer.results import Results


@pytest.fixture(scope="module")
def unsure(trained, tmp_path_factory):
    """A bundle with a threshold between the confidences of its answers."""
    folder = tmp_path_factory.mktemp("unsure") / "bundle"
    bundle = replace(trained.bundle, unsure_below=0.5)
    replace(bundle, graph=export(bundle)).save(folder)
    return folder


@pytest.fixture(scope="module")
def paths(synthetic):
    return [utterance.path for utterance in list(synthetic)[:12]]


def test_the_threshold_divides_the_answers(trained, paths):
    told = EmotionRecognizer(trained.bundle).predict(paths)
    assert all(prediction.sure for prediction in told), "a model without a threshold is always sure"
    least = sorted(prediction.confidence for prediction in told)[6]
    again = EmotionRecognizer(trained.bundle, unsure_below=least).predict(paths)
    assert [prediction.sure for prediction in again] == [
        prediction.confidence >= least for prediction in told
    ]
    assert [prediction.label for prediction in again] == [prediction.label for prediction in told]
    assert [prediction.to_dict()["sure"] for prediction in again].count(False) == 6


def test_bundle_and_graph_keep_it(unsure, tmp_path):
    assert Bundle.load(unsure).unsure_below == 0.5
    shutil.copy(unsure / "model.onnx", tmp_path / "alone.onnx")
    for model in (unsure, tmp_path / "alone.onnx"):
        assert EmotionRecognizer.load(model).unsure_below == 0.5
        assert EmotionRecognizer.load(model, unsure_below=0.9).unsure_below == 0.9
        assert describe(model)["unsure_below"] == 0.5


def test_a_bundle_that_is_changed_and_saved_has_the_last_word_over_its_graph(unsure, tmp_path):
    replace(Bundle.load(unsure), unsure_below=0.9).save(tmp_path / "changed")
    assert EmotionRecognizer.load(tmp_path / "changed").unsure_below == 0.9
    assert describe(tmp_path / "changed")["unsure_below"] == 0.9


def test_a_bundle_from_before_there_was_one_is_always_sure(unsure, graph_path, tmp_path):
    bundle = Bundle.load(unsure)
    description = json.loads(bundle._description())
    del description["unsure_below"]
    _rewrite(unsure, tmp_path / "old", description)
    assert Bundle.load(tmp_path / "old").unsure_below == 0.0
    assert EmotionRecognizer.load(tmp_path / "old").unsure_below == 0.0
    graph = onnx.load(graph_path)
    kept = {entry.key: entry.value for entry in graph.metadata_props if entry.key != "unsure_below"}
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, kept)
    onnx.save(graph, tmp_path / "old.onnx")
    assert EmotionRecognizer.load(tmp_path / "old.onnx").unsure_below == 0.0


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), "much", True, None])
def test_what_is_no_probability_is_refused_in_a_line(unsure, trained, tmp_path, value):
    description = json.loads(Bundle.load(unsure)._description()) | {"unsure_below": value}
    _rewrite(unsure, tmp_path / "bad", description)
    with pytest.raises(BundleError, match=r"unsure_below is .*, expected a probability; .*train it again"):
        Bundle.load(tmp_path / "bad")
    with pytest.raises(BundleError, match="unsure_below is"):
        describe(tmp_path / "bad")
    if value is not None:
        with pytest.raises(ConfigError, match="give a number from 0 to 1"):
            EmotionRecognizer(trained.bundle, unsure_below=value)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_mistake_is_told_before_any_process_begins(unsure, paths, tmp_path, jobs):
    with pytest.raises(ConfigError, match="unsure_below is 2, expected a probability"):
        next(predict_many(unsure, paths, jobs=jobs, unsure_below=2))
    with pytest.raises(ConfigError, match="unsure_below is 2, expected a probability"):
        Results(tmp_path / "r.csv", unsure, ["a"], recursive=False, unsure_below=2)
    assert list(tmp_path.iterdir()) == []


def _rewrite(source, target, description):
    from magtfnet.recognizer.bundle_files import BUNDLE, read_files, write_files

    write_files(target, read_files(source) | {BUNDLE: json.dumps(description).encode()})


def test_the_command_says_so(cli, unsure, paths):
    lines = cli("predict", unsure, *paths, "--unsure-below", "1").out.splitlines()
    assert [line.split("\t")[3:] for line in lines] == [["not sure"]] * len(paths)
    lines = cli("predict", unsure, *paths, "--unsure-below", "0").out.splitlines()
    assert [len(line.split("\t")) for line in lines] == [3] * len(paths)
    told = json.loads(cli("predict", unsure, *paths, "--json").out)
    assert [row["sure"] for row in told] == [max(row["probabilities"].values()) >= 0.5 for row in told]
    for mistake in ("2", "-0.1", "nan"):
        done = cli("predict", unsure, paths[0], "--unsure-below", mistake)
        assert done.code == 2
        assert done.err.count("\n") == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_tables_say_so(cli, unsure, paths, tmp_path, jobs):
    import pyarrow.parquet as pq

    asked = ("predict", unsure, *paths, "--unsure-below", "0.999999", "--jobs", jobs, "--out")
    for name in ("r.csv", "r.parquet"):
        assert cli(*asked, tmp_path / name).code == 0
    plain = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    columns = pq.read_table(tmp_path / "r.parquet").to_pylist()
    assert {row["sure"] for row in plain} == {"false"}
    assert {row["sure"] for row in columns} == {False}


def test_models_are_listed_with_it(cli, unsure):
    assert "not sure below 50 %" in cli("models", unsure.parent).out
