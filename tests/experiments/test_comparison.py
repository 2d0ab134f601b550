"""Systems compared: the same folds for all, runs that go on, costs that are there, a report that ranks."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import TINY

from magtfnet import Bundle, ConfigError, DivergenceError, RunDirectoryError, UnknownNameError, load_config
from magtfnet.errors import MissingExtraError
from magtfnet.evaluation import AggregateReport, EvaluationReport
from magtfnet.experiments import classical_run, preparation
from magtfnet.experiments.comparison import REFERENCE, compare, default_systems, missing_systems
from magtfnet.experiments.comparison_report import report
from magtfnet.experiments.preparation import check_settings
from magtfnet.experiments.run_directory import RunDirectory

CONFIG = load_config(
    None, [*TINY, "training.epochs=1", "training.batch_size=8", "protocol.name=speaker_independent_k_fold",
           "protocol.folds=4"]
)  # fmt: skip


@pytest.fixture(scope="module")
def compared(synthetic, tmp_path_factory, feature_cache):
    out = tmp_path_factory.mktemp("compare") / "out"
    found = compare(synthetic, ["functionals_gbm"], out, CONFIG, fold=0, cache=feature_cache, jobs=1)
    return found.systems, out


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


def test_going_on_trains_nothing_twice_and_may_add_systems(
    compared, synthetic, feature_cache, monkeypatch, tmp_path
):
    found, out = compared[0], shutil.copytree(compared[1], tmp_path / "out")
    monkeypatch.setattr("magtfnet.experiments.training_run.fit", lambda *a, **k: pytest.fail("trained again"))
    made, real = [], classical_run.create_classical
    monkeypatch.setattr(
        classical_run, "create_classical", lambda name, **o: made.append(name) or real(name, **o)
    )
    again = compare(
        synthetic,
        ["functionals_gbm", "functionals_kernel_ridge"],
        out,
        CONFIG,
        fold=0,
        resume=True,
        cache=feature_cache,
        jobs=1,
    )
    assert [system.name for system in again.systems] == [
        REFERENCE,
        "functionals_gbm",
        "functionals_kernel_ridge",
    ]
    assert made == ["functionals_kernel_ridge"]
    for before, now in zip(found, again.systems, strict=False):
        assert now.report.to_dict() == before.report.to_dict()


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
    ).systems
    assert [system.name for system in found] == [REFERENCE, "wav2vec2_frozen"]
    assert found[1].num_bytes == 4 * found[1].parameters


def test_weights_that_finished_systems_had_may_be_gone(synthetic, tmp_path, feature_cache, checkpoints):
    folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / "weights")
    options = {"weights": {"wav2vec2_frozen": folder}, "cache": feature_cache, "jobs": 1}
    found = compare(synthetic, [], tmp_path / "out", CONFIG, fold=0, **options).systems
    shutil.rmtree(folder)
    again = compare(synthetic, [], tmp_path / "out", CONFIG, fold=0, resume=True, **options).systems
    assert [system.report.to_dict() for system in again] == [system.report.to_dict() for system in found]
    with pytest.raises(ConfigError, match=f"weights of wav2vec2_frozen: '{folder}' is no folder"):
        compare(synthetic, [], tmp_path / "out", CONFIG, fold=1, resume=True, **options)


def test_a_system_is_not_gone_on_with_by_other_weights(synthetic, tmp_path, feature_cache, checkpoints):
    folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / "weights")
    out, options = (
        tmp_path / "out",
        {"weights": {"wav2vec2_frozen": folder}, "cache": feature_cache, "jobs": 1},
    )
    compare(synthetic, [], out, CONFIG, fold=0, **options)
    digest = json.loads((out / "wav2vec2_frozen" / "fold_00_seed_0" / "metrics.json").read_text())[
        "training"
    ]["weights"]
    shutil.rmtree(folder)
    shutil.copytree(checkpoints("wavlm"), folder)
    with pytest.raises(
        RunDirectoryError,
        match=rf"fold_00_seed_0: wav2vec2_frozen began with pretrained weights of the digest {digest}, now ",
    ):
        compare(synthetic, [], out, CONFIG, resume=True, **options)
    assert {run.name for run in (out / "wav2vec2_frozen").iterdir()} == {"fold_00_seed_0"}, "before any work"
    shutil.rmtree(folder)
    shutil.copytree(checkpoints("wav2vec2"), folder)
    described = json.loads((folder / "config.json").read_text()) | {"mask_time_prob": 0.5}
    (folder / "config.json").write_text(json.dumps(described))  # says nothing of the weights
    compare(synthetic, [], out, CONFIG, resume=True, **options)


def test_what_was_compared_is_not_missing():
    compared = ["wavlm_frozen", "egemaps_svm"]
    missing = {line.split(":")[0] for line in missing_systems(compared)}
    assert not missing & set(compared)
    assert {"compare_svm", "hubert_frozen"} <= missing


def test_a_rate_that_encoders_do_not_know_is_said_before_anything_is_trained(
    synthetic, tmp_path, checkpoints
):
    config = load_config(None, [*TINY, "audio.sample_rate=8000", "features.log_mel.f_max=4000"])
    with pytest.raises(ConfigError, match=r"audio.sample_rate = 8000: these encoders know 16000 Hz"):
        compare(synthetic, [], tmp_path / "out", config, weights={"wav2vec2_frozen": checkpoints("wav2vec2")})
    assert not (tmp_path / "out").exists()


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
    found = compare(synthetic, [], out, CONFIG, recipes=[recipe], fold=0, cache=feature_cache, jobs=1).systems
    assert [system.name for system in found] == [REFERENCE, "fisher_discriminant"]
    tested = [[row.id for row in system.report.pooled.rows] for system in found]
    assert tested[0] == tested[1]
    run = out / "fisher_discriminant" / "fold_00_seed_0"
    assert load_config(run / "config.toml").training.copies == ("noise",)
    assert Bundle.load(run / "bundle").model.config.num_functionals == 12, "one statistic of each descriptor"


def test_recipes_and_weights_that_would_be_passed_over_are_refused(synthetic, tmp_path):
    two = [load_config(overrides=["model.name=tim_net", f"training.epochs={n}"]) for n in (1, 2)]
    with pytest.raises(ConfigError, match="two recipes of tim_net, whose runs would lie in one folder"):
        compare(synthetic, [], tmp_path / "out", CONFIG, recipes=two)
    with pytest.raises(ConfigError, match=r"'magtf_net' takes no weights, expected one of .*wav2vec2_frozen"):
        compare(synthetic, [], tmp_path / "out", CONFIG, weights={"magtf_net": tmp_path})
    for nowhere in (Path("checkpoints/wav2vec2"), tmp_path / "nowhere"):
        with pytest.raises(
            ConfigError, match=rf"weights of wav2vec2_frozen: '{nowhere}' is no folder; name the folder"
        ):
            compare(synthetic, [], tmp_path / "out", CONFIG, weights={"wav2vec2_frozen": nowhere})
    recipe = load_config(overrides=["model.name=wav2vec2_frozen", "model.hidden=64"])
    with pytest.raises(
        ConfigError,
        match=r"a recipe of wav2vec2_frozen takes the place of what its weights .*; set model.weights",
    ):
        compare(
            synthetic, [], tmp_path / "out", CONFIG, weights={"wav2vec2_frozen": tmp_path}, recipes=[recipe]
        )
    assert not (tmp_path / "out").exists()


def test_two_processes_do_not_compare_in_one_folder(compared, synthetic, feature_cache):
    _, out = compared
    with (
        RunDirectory(out).alone(),
        pytest.raises(RunDirectoryError, match="another process is at work there; wait for its end"),
    ):
        compare(synthetic, ["functionals_gbm"], out, CONFIG, fold=0, resume=True, cache=feature_cache, jobs=1)


def test_a_missing_opensmile_is_said_before_anything_is_trained(synthetic, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingExtraError, match="opensmile"):
        compare(synthetic, ["functionals_gbm", "egemaps_svm"], tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()


def test_what_finished_systems_needed_is_not_asked_for_again(compared, synthetic, feature_cache, monkeypatch):
    found, out = compared

    def missing(*_, **__):
        raise MissingExtraError("opensmile", "bench", "some use")

    for place in (preparation, classical_run):
        monkeypatch.setattr(place, "create_classical", missing)
    options = {"fold": 0, "resume": True, "cache": feature_cache, "jobs": 1}
    again = compare(synthetic, ["functionals_gbm"], out, CONFIG, **options).systems
    assert [system.report.to_dict() for system in again] == [system.report.to_dict() for system in found]
    with pytest.raises(MissingExtraError):
        compare(synthetic, ["functionals_gbm", "svm_decision_tree"], out, CONFIG, **options)


def test_a_report_does_not_forget_finished_runs(compared, synthetic, feature_cache):
    _, out = compared
    with pytest.raises(
        RunDirectoryError, match="has 1 finished runs that were not asked for, functionals_gbm/fold_00"
    ):
        compare(synthetic, [], out, CONFIG, fold=0, resume=True, cache=feature_cache, jobs=1)


def test_classes_that_a_run_did_not_test_are_named(compared, synthetic):
    found, _ = compared
    assert "no test utterance of" not in report(synthetic, "p", found, [], "").markdown()
    lacking = []
    for system in found:
        (name, whole), *_ = system.report.runs.items()
        rows = tuple(row for row in whole.rows if row.emotion != whole.classes[0])
        lacking.append(replace(system, report=AggregateReport({name: EvaluationReport(whole.classes, rows)})))
    text = report(synthetic, "p", lacking, [], "").markdown()
    assert f"no test utterance of {found[0].report.pooled.classes[0]}; UA and macro-F1 are means over" in text


def test_which_system_diverged_is_said(synthetic, tmp_path, feature_cache):
    config = load_config(
        None, [*TINY, "training.epochs=3", "training.learning_rate=1e30", "protocol.folds=4"]
    )
    with pytest.raises(DivergenceError, match=r"^magtf_net, fold_00_seed_0: "):
        compare(synthetic, [], tmp_path / "out", config, fold=0, cache=feature_cache, jobs=1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_system_that_diverges_leaves_the_others_their_report(jobs, synthetic, tmp_path, feature_cache):
    recipe = load_config(None, ["model.name=tim_net", "training.epochs=3", "training.learning_rate=1e30"])
    found = compare(
        synthetic,
        ["functionals_gbm"],
        tmp_path / "out",
        CONFIG,
        fold=0,
        recipes=[recipe],
        cache=feature_cache,
        jobs=jobs,
    )
    assert [system.name for system in found.systems] == [REFERENCE, "functionals_gbm"]
    assert list(found.diverged) == ["tim_net"]
    assert re.match(
        r"tim_net, fold_00_seed_0: the (validation )?loss became .*; lower training.learning_rate",
        found.diverged["tim_net"],
    )


def test_a_classical_system_that_diverges_is_left_out_too(synthetic, tmp_path, feature_cache):
    recipe = load_config(None, ["model.name=dnn_elm", "model.layers=[8]", "model.learning_rate=1e36"])
    out = tmp_path / "out"
    found = compare(synthetic, [], out, CONFIG, fold=0, recipes=[recipe], cache=feature_cache, jobs=1)
    assert [system.name for system in found.systems] == [REFERENCE]
    assert found.diverged["dnn_elm"].startswith("dnn_elm, fold_00_seed_0: the validation loss of the network")
    assert not list(out.glob("dnn_elm/*"))


def test_copies_are_for_those_that_learn_from_them(synthetic, tmp_path, feature_cache, monkeypatch):
    copies = CONFIG.training.model_copy(update={"copies": ("noise",)})
    config, out = CONFIG.model_copy(update={"training": copies}), tmp_path / "out"
    options = {"fold": 0, "cache": feature_cache, "jobs": 1}
    compare(synthetic, ["functionals_gbm"], out, config, **options)
    with monkeypatch.context() as patched:  # finished, it is not made again
        patched.delattr(preparation, "create_classical")
        compare(synthetic, ["functionals_gbm"], out, config, resume=True, **options)
    for name, expected in ((REFERENCE, ("noise",)), ("functionals_gbm", ())):
        assert load_config(out / name / "fold_00_seed_0" / "config.toml").training.copies == expected
    alone = load_config(None, ["model.name=dnn_elm", 'training.copies=["noise"]'])
    with pytest.raises(
        ConfigError, match=r"training.copies = \['noise'\]: dnn_elm learns from no copies; leave"
    ):
        check_settings(alone, 3)


def test_a_recipe_of_the_reference_is_refused(synthetic, tmp_path):
    with pytest.raises(ConfigError, match="give it with --config instead"):
        compare(synthetic, [], tmp_path / "out", CONFIG, recipes=[load_config()])
    assert not (tmp_path / "out").exists()
