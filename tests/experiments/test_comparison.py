"""Systems compared: the same folds for all, runs that go on, costs that are there, a report that ranks."""

import json

import pytest
from tiny_model import TINY

from magtfnet import Bundle, ConfigError, UnknownNameError, load_config
from magtfnet.experiments.comparison import REFERENCE, compare, default_systems
from magtfnet.experiments.comparison_report import report

CONFIG = load_config(
    None, [*TINY, "training.epochs=1", "training.batch_size=8", "protocol.name=speaker_independent_k_fold",
           "protocol.folds=4"]
)  # fmt: skip


@pytest.fixture(scope="module")
def compared(synthetic, tmp_path_factory, feature_cache):
    out = tmp_path_factory.mktemp("compare") / "out"
    found = compare(synthetic, ["functionals_gbm"], out, CONFIG, fold=0, cache=feature_cache, jobs=1)
    return found, out


def test_all_are_tested_on_the_same_utterances(compared):
    found, _ = compared
    assert [system.name for system in found] == [REFERENCE, "functionals_gbm"]
    tested = [[row.id for row in system.report.pooled.rows] for system in found]
    assert tested[0] == tested[1]


def test_costs_are_measured(compared):
    for system in compared[0]:
        assert system.parameters > 10
        assert system.num_bytes > 1000
        assert system.training_seconds > 0
        assert 0 < system.cpu_seconds < 10


def test_a_classical_run_is_a_run_directory_without_a_bundle(compared):
    _, out = compared
    run = out / "functionals_gbm" / "fold_00_seed_0"
    names = {path.name for path in run.iterdir()}
    assert names == {
        "config.toml", "environment.json", "history.csv", "metrics.json", "predictions.csv", "report.html", "split.csv",
    }  # fmt: skip
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 <= metrics["validation"]["validation_WA"] <= 1
    assert metrics["training"]["chosen"]["trees"] >= 1


def test_going_on_trains_nothing_twice_and_may_add_systems(compared, synthetic, feature_cache, monkeypatch):
    found, out = compared
    monkeypatch.setattr("magtfnet.experiments.training_run.fit", lambda *a, **k: pytest.fail("trained again"))
    again = compare(
        synthetic, ["functionals_gbm"], out, CONFIG, fold=0, resume=True, cache=feature_cache, jobs=1
    )
    assert [s.report.weighted_accuracy for s in again] == [s.report.weighted_accuracy for s in found]


def test_the_report_ranks_and_says_what_is_missing(compared, synthetic):
    found, _ = compared
    text = report(synthetic, "p", found, ["x: not installed"], "magtfnet compare synthetic ROOT").markdown()
    lines = [line for line in text.splitlines() if line.startswith(("| magtf_net", "| functionals_gbm"))]
    accuracies = [float(line.split("|")[2]) for line in lines]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "x: not installed" in text
    assert "<svg" in report(synthetic, "p", found, [], "").html()


def test_an_unknown_system_is_refused_before_anything_is_done(synthetic, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown model 'knn', expected one of .*functionals_gbm"):
        compare(synthetic, ["knn"], tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()


def test_the_default_systems_need_no_downloads():
    assert {"magtf_net", "tim_net", "acrnn_3d", "functionals_gbm", "dnn_elm"} <= set(default_systems())
    assert not {"wav2vec2", "whisper_frozen"} & set(default_systems())


def test_pretrained_systems_are_compared_with_their_weights(synthetic, tmp_path, feature_cache, checkpoints):
    folder = checkpoints("wav2vec2")
    found = compare(
        synthetic,
        [],
        tmp_path / "out",
        CONFIG,
        fold=0,
        weights={"wav2vec2_frozen": folder},
        cache=feature_cache,
        jobs=1,
    )
    assert [system.name for system in found] == [REFERENCE, "wav2vec2_frozen"]
    assert found[1].num_bytes == 4 * found[1].parameters


def test_a_recipe_brings_its_own_features_to_the_same_folds(synthetic, tmp_path, feature_cache):
    recipe = load_config(
        overrides=[
            "model.name=fisher_discriminant",
            "model.num_components=2",
            'features.statistics=["mean"]',
            'training.copies=["noise"]',
            "protocol.name=speaker_dependent_8_1_1",
        ]
    )
    out = tmp_path / "out"
    found = compare(synthetic, [], out, CONFIG, recipes=[recipe], fold=0, cache=feature_cache, jobs=1)
    assert [system.name for system in found] == [REFERENCE, "fisher_discriminant"]
    tested = [[row.id for row in system.report.pooled.rows] for system in found]
    assert tested[0] == tested[1]
    run = out / "fisher_discriminant" / "fold_00_seed_0"
    assert load_config(run / "config.toml").training.copies == ("noise",)
    assert Bundle.load(run / "bundle").model.config.num_functionals == 12, "one statistic of each descriptor"


def test_a_recipe_of_the_reference_is_refused(synthetic, tmp_path):
    with pytest.raises(ConfigError, match="give it with --config instead"):
        compare(synthetic, [], tmp_path / "out", CONFIG, recipes=[load_config()])
    assert not (tmp_path / "out").exists()
