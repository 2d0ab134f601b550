"""Run directories: whole, resumable, refused when in the way; folds and seeds together; scoring a bundle."""

import csv
import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest
import sklearn
import torch

from magtfnet import (
    ConfigError,
    LabelError,
    RunDirectoryError,
    SplitError,
    UnknownNameError,
    evaluate,
    load_config,
    load_corpus,
    protocols,
    train,
)
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.evaluation import EvaluationReport
from magtfnet.experiments.cross_validation import plan, train_all
from magtfnet.experiments.preparation import prepare_training
from magtfnet.experiments.run_directory import RunDirectory, environment, software
from magtfnet.experiments.trainings import PlannedRun, Training
from magtfnet.progress import silent

FILES = {
    "MODEL_CARD.md",
    "bundle",
    "config.toml",
    "environment.json",
    "history.csv",
    "metrics.json",
    "predictions.csv",
    "report.html",
    "split.csv",
}


@pytest.fixture(scope="module")
def split(synthetic):
    return protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]


def test_a_run_directory_holds_everything_and_nothing_else(trained):
    assert {path.name for path in trained.folder.iterdir()} == FILES


def test_everything_in_a_report_can_be_computed_again(trained):
    again = EvaluationReport.from_predictions(trained.folder / "predictions.csv")
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert again.to_dict() == metrics["test"]


def test_the_test_part_is_what_was_predicted(trained, split):
    with (trained.folder / "predictions.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == [u.id for u in split.test]
    with (trained.folder / "split.csv").open() as file:
        assert {row["id"] for row in csv.DictReader(file) if row["part"] == "test"} == {
            u.id for u in split.test
        }


def test_the_configuration_is_written_and_reads_back(trained, tiny_config):
    assert load_config(trained.folder / "config.toml") == tiny_config
    environment = json.loads((trained.folder / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["versions"]["torch"] == torch.__version__


def test_history_and_page(trained):
    history = trained.history
    cost = json.loads((trained.folder / "metrics.json").read_text())["training"]
    assert cost["epochs"] == 2
    assert cost["best_epoch"] in (1, 2)
    assert 0 < cost["seconds_per_epoch"] < 600
    assert 50 < cost["peak_memory_mib"] < 100_000
    assert [row["epoch"] for row in history] == [1, 2]
    page = (trained.folder / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "synthetic" in page.lower()
    assert str(trained.folder) not in page


def test_the_card_says_what_a_reader_must_know(trained):
    card = (trained.folder / "MODEL_CARD.md").read_text()
    for text in (
        "CC0-1.0",
        "| score on the test part | % | 95 % interval, over speakers |",
        "shares speakers with training",
        "shares sentences with training",
        "Not for decisions about a person",
    ):
        assert text in card


def test_statistics_are_of_the_training_part_only(trained, synthetic, split, tiny_config, feature_cache):
    from magtfnet.experiments.scoring import recording_of
    from magtfnet.features import FeatureStore

    store = FeatureStore(feature_cache, tiny_config.audio, tiny_config.features)
    store.extract([recording_of(u) for u in synthetic])
    frames = torch.cat([torch.tensor(store[recording_of(u)][0]) for u in split.train]).double()
    standardizer = trained.bundle.standardizer
    torch.testing.assert_close(standardizer.get_buffer("log_mel_mean"), frames.mean(dim=0).float())
    torch.testing.assert_close(
        standardizer.get_buffer("log_mel_std"), frames.std(dim=0, correction=0).float()
    )


def test_without_standardisation_nothing_is_subtracted(synthetic, split, tiny_config, tmp_path):
    config = load_config(
        None, ["training.epochs=1", "features.standardize=false", "model.d_model=16", "model.num_nodes=4"]
    )
    bundle = train(synthetic, split, tmp_path / "run", config).bundle
    assert not bundle.standardizer.get_buffer("log_mel_mean").any()


def test_a_directory_in_the_way_is_refused(trained, synthetic, split, tiny_config, tmp_path):
    with pytest.raises(
        RunDirectoryError, match="is there already; go on with --resume, or choose another folder"
    ):
        train(synthetic, split, trained.folder, tiny_config)
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="a file, not a folder"):
        train(synthetic, split, tmp_path / "file", tiny_config)
    with pytest.raises(RunDirectoryError, match=r"not a run directory, no config\.toml"):
        train(synthetic, split, tmp_path, tiny_config, resume=True)


def test_a_directory_that_cannot_be_made_is_refused_before_any_work(
    synthetic, split, tiny_config, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(
        "magtfnet.experiments.trainings.prepare_training", lambda *a, **k: pytest.fail("worked")
    )
    with pytest.raises(
        RunDirectoryError, match=r"cannot be made, .*file is no folder that can be written to"
    ):
        train(synthetic, split, tmp_path / "file" / "run", tiny_config)
    with monkeypatch.context() as patched:  # a drive of Windows that is not there
        patched.setattr("pathlib.Path.exists", lambda path: False)
        patched.setattr("pathlib.Path.is_dir", lambda path: False)
        with pytest.raises(
            RunDirectoryError, match=r"cannot be made, .* is no folder that can be written to"
        ):
            RunDirectory(tmp_path / "run").refuse_if_there(resume=False)
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(RunDirectoryError, match=r"cannot be made, .* is no folder that can be written to"):
        train(synthetic, split, tmp_path / "some" / "run", tiny_config)


def test_a_classical_system_is_trained_by_the_same_name(synthetic, split, tmp_path):
    config = load_config(None, ["model.name=functionals_kernel_ridge"])
    run = train(synthetic, split, tmp_path / "run", config)
    assert 0 <= run.report.weighted_accuracy <= 1
    assert load_config(tmp_path / "run" / "config.toml").model.name == "functionals_kernel_ridge"
    again = train(synthetic, split, tmp_path / "run", config, resume=True)
    assert again.report.to_dict() == run.report.to_dict()
    with pytest.raises(UnknownNameError, match="unknown model 'knn'"):
        train(synthetic, split, tmp_path / "other", load_config(None, ["model.name=knn"]))
    assert not (tmp_path / "other").exists()


def test_the_environment_names_what_scores_depend_on():
    versions = environment()["versions"]
    assert {"torch", "numpy", "scikit-learn", "transformers", "opensmile"} <= set(versions)
    assert versions["scikit-learn"] == sklearn.__version__
    assert "opensmile" not in software()["versions"], "no bundle depends on it"


@pytest.mark.parametrize("model", ["magtf_net", "functionals_kernel_ridge"])
def test_two_processes_do_not_train_in_one_directory(
    synthetic, split, tiny_config, tmp_path, monkeypatch, model
):
    """The second goes on from the first one's files, so each would overwrite what the other writes."""
    folder = tmp_path / "run"
    config = (
        load_config(None, ["model.name=functionals_kernel_ridge"]) if model != "magtf_net" else tiny_config
    )
    training = Training(
        synthetic, PlannedRun(split, 0), folder, config, False, prepare_training(synthetic, synthetic, config)
    )
    seen = []

    def second(*args, **kwargs):
        with pytest.raises(
            RunDirectoryError, match="another process is at work there; wait for its end, or choose"
        ):
            replace(training, resume=True).do(lambda row: None, silent)
        seen.append((folder / ".lock").exists())
        raise KeyboardInterrupt

    place = "training_run.learn" if model == "magtf_net" else "classical_run.part_data"
    with monkeypatch.context() as patched:
        patched.setattr(f"magtfnet.experiments.{place}", second)
        with pytest.raises(KeyboardInterrupt):
            training.do(lambda row: None, silent)
    assert seen == [True]
    replace(training, resume=True).do(lambda row: None, silent)  # free again
    assert not (folder / ".lock").exists()


def test_a_lock_is_free_once_its_process_was_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from magtfnet.experiments.run_directory import RunDirectory\n"
        "with RunDirectory(sys.argv[1]).alone(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunDirectoryError, match="another process"), RunDirectory(tmp_path).alone():
            pass
        other.kill()
    with RunDirectory(tmp_path).alone():
        assert (tmp_path / ".lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_finished_run_is_read_not_trained_again(trained, synthetic, split, tiny_config, monkeypatch):
    monkeypatch.setattr("magtfnet.experiments.training_run.fit", lambda *a, **k: pytest.fail("trained again"))
    again = train(synthetic, split, trained.folder, tiny_config, resume=True)
    assert again.report.weighted_accuracy == trained.report.weighted_accuracy
    assert len(again.history) == 2


@pytest.mark.parametrize(
    ("overrides", "seed", "message"),
    [
        (["training.epochs=9"], 0, "began with training.epochs = 2, now 9; resume with the same settings"),
        ([], 5, "began with seed = 0, now 5"),
    ],
)
def test_resuming_another_experiment_is_refused(
    trained, synthetic, split, tiny_config, overrides, seed, message
):
    config = load_config(trained.folder / "config.toml", overrides)
    with pytest.raises(RunDirectoryError, match=message):
        train(synthetic, split, trained.folder, config, seed=seed, resume=True)


def test_the_same_folds_file_may_be_spelt_otherwise(synthetic, tiny_config, tmp_path, monkeypatch):
    rows = [f"{utterance.id},{number % 2}" for number, utterance in enumerate(synthetic)]
    (tmp_path / "folds.csv").write_text("\n".join(["id,fold", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    directory = RunDirectory(tmp_path / "run")
    for file in ("folds.csv", str(tmp_path / "folds.csv"), "./folds.csv"):
        config = load_config(None, ["protocol.name=folds_from", f"protocol.file={file}"])
        directory.open(config, {"seed": 0}, resume=True)
    other = load_config(None, ["protocol.name=folds_from", "protocol.file=other.csv"])
    with pytest.raises(
        RunDirectoryError, match=r"began with protocol\.file = 'folds\.csv', now 'other\.csv'"
    ):
        directory.open(other, {"seed": 0}, resume=True)


def test_the_same_weights_may_be_spelt_otherwise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for weights, is_new in (("weights", True), (str(tmp_path / "weights"), False)):
        config = load_config(None, ["model.name=wav2vec2_frozen", f"model.weights={weights}"])
        assert RunDirectory(tmp_path / "run").open(config, {}, resume=True) == is_new
    other = load_config(None, ["model.name=wav2vec2_frozen", "model.weights=others"])
    with pytest.raises(RunDirectoryError, match=r"began with model.weights = 'weights', now 'others'"):
        RunDirectory(tmp_path / "run").open(other, {}, resume=True)


def test_a_command_with_bytes_that_are_no_utf8_is_written_down(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["magtfnet", "train", "x\udce9"])
    RunDirectory(tmp_path / "run").open(load_config(), {}, resume=False)
    known = json.loads((tmp_path / "run" / "environment.json").read_text(encoding="utf-8"))
    assert known["command"] == "magtfnet train x?"


def test_resuming_without_a_setting_that_was_given_is_refused(trained, synthetic, split):
    default = load_config(None, ["training.epochs=2", "training.batch_size=8"])
    with pytest.raises(RunDirectoryError, match=r"began with model\.channels = 8, now None"):
        train(synthetic, split, trained.folder, default, resume=True)


def test_resuming_with_another_split_is_refused(trained, synthetic, split, tiny_config):
    """Else what was trained on could be tested."""
    moved = replace(split, train=(*split.train[1:], split.test[0]), test=(*split.test[1:], split.train[0]))
    with pytest.raises(
        RunDirectoryError, match=r"began with split_and_recordings = .*same settings and recordings"
    ):
        train(synthetic, moved, trained.folder, tiny_config, resume=True)


def test_resuming_with_an_altered_recording_is_refused(synthetic_root, tiny_config, tmp_path):
    shutil.copytree(synthetic_root, tmp_path / "c")
    corpus = load_corpus("synthetic", tmp_path / "c")
    split = protocols.speaker_dependent_8_1_1(corpus, seed=0)[0]
    train(corpus, split, tmp_path / "run", tiny_config)
    data = bytearray(corpus.utterances[0].path.read_bytes())
    data[-100:] = bytes(100)
    corpus.utterances[0].path.write_bytes(data)
    with pytest.raises(RunDirectoryError, match="began with split_and_recordings"):
        train(corpus, split, tmp_path / "run", tiny_config, resume=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions.csv", "id,speaker\n"),
        ("history.csv", "epoch\nx\n"),
        ("environment.json", "[1]"),
        ("config.toml", "="),
    ],
)
def test_a_damaged_run_is_named(trained, synthetic, split, tiny_config, tmp_path, name, content):
    shutil.copytree(trained.folder, tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"damaged .*; remove it to have it trained again, or choose"):
        train(synthetic, split, tmp_path / "run", tiny_config, resume=True)


def test_a_finished_run_whose_intervals_were_made_otherwise_is_whole(
    trained, synthetic, split, tiny_config, tmp_path
):
    shutil.copytree(trained.folder, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    metrics["test"]["intervals_95"] = {"WA_wilson": [0.0, 1.0]}
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    assert train(synthetic, split, tmp_path / "run", tiny_config, resume=True).report.rows
    metrics["test"]["WA"] = 0.123
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(RunDirectoryError, match=r"predictions.csv and metrics.json differ"):
        train(synthetic, split, tmp_path / "run", tiny_config, resume=True)


class StoppedError(Exception):
    pass


def test_a_stopped_run_goes_on_to_the_same_bundle(trained, synthetic, split, tiny_config, tmp_path):
    def stop(row):
        raise StoppedError

    with pytest.raises(StoppedError):
        train(synthetic, split, tmp_path / "run", tiny_config, on_epoch=stop)
    assert (tmp_path / "run" / "checkpoint.pt").exists()
    with pytest.raises(RunDirectoryError, match="--resume"):
        train(synthetic, split, tmp_path / "run", tiny_config)
    train(synthetic, split, tmp_path / "run", tiny_config, resume=True)
    weights = "bundle/weights.safetensors"
    assert (tmp_path / "run" / weights).read_bytes() == (trained.folder / weights).read_bytes()
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


@pytest.mark.parametrize("override", ["model.d_model=17", "model.nope=1", "features.log_mel.f_max=9000"])
def test_a_mistake_in_the_settings_leaves_no_directory(synthetic, split, tmp_path, override):
    with pytest.raises(ConfigError):
        train(synthetic, split, tmp_path / "run", load_config(None, [override]))
    assert not (tmp_path / "run").exists()


def test_sizes_that_follow_from_the_features_cannot_be_set(synthetic, split, tmp_path):
    with pytest.raises(
        ConfigError, match=r"model\.n_mels follows from the labels and features; leave it away"
    ):
        train(synthetic, split, tmp_path / "run", load_config(None, ["model.n_mels=20"]))
    config = load_config(
        None, ["features.log_mel.n_mels=20", "training.epochs=1", "model.d_model=16", "model.num_nodes=4"]
    )
    assert train(synthetic, split, tmp_path / "run", config).bundle.model.config.n_mels == 20


@pytest.fixture(scope="module")
def cross_validated(synthetic, tiny_config, tmp_path_factory, feature_cache):
    config = tiny_config.model_copy(
        update={"protocol": load_config(None, ["protocol.name=leave_one_speaker_out"]).protocol}
    )
    run_dir = tmp_path_factory.mktemp("protocol") / "run"
    return (
        config,
        run_dir,
        train_all(synthetic, plan(synthetic, config, [0]), run_dir, config, cache=feature_cache),
    )


def test_a_whole_protocol_pools_its_folds(cross_validated, synthetic):
    _, run_dir, done = cross_validated
    assert list(done) == [f"fold_{k:02d}_seed_0" for k in range(4)]
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert sum(map(sum, metrics["pooled"]["confusion"])) == len(synthetic)
    values = [done[name].report.weighted_accuracy for name in done]
    assert metrics["WA"]["runs"] == values
    assert metrics["WA"]["mean"] == pytest.approx(sum(values) / 4)
    assert {path.name for path in run_dir.iterdir()} == {
        *done,
        "config.toml",
        "environment.json",
        "metrics.json",
        "predictions.csv",
        "report.html",
    }
    for name in done:
        assert {path.name for path in (run_dir / name).iterdir()} == FILES


def test_a_whole_protocol_goes_on_where_it_was(cross_validated, synthetic, monkeypatch, feature_cache):
    config, run_dir, done = cross_validated
    (run_dir / "metrics.json").unlink()
    monkeypatch.setattr("magtfnet.experiments.training_run.fit", lambda *a, **k: pytest.fail("trained again"))
    runs = plan(synthetic, config, [0])
    with pytest.raises(RunDirectoryError, match="is there already"):
        train_all(synthetic, runs, run_dir, config, cache=feature_cache)
    again = train_all(synthetic, runs, run_dir, config, resume=True, cache=feature_cache)
    assert {n: r.report.weighted_accuracy for n, r in again.items()} == {
        n: r.report.weighted_accuracy for n, r in done.items()
    }
    assert (run_dir / "metrics.json").exists()
    with pytest.raises(RunDirectoryError, match="began with runs"):
        train_all(
            synthetic, plan(synthetic, config, [0, 1]), run_dir, config, resume=True, cache=feature_cache
        )


def test_two_processes_do_not_train_one_protocol(cross_validated, synthetic, feature_cache):
    config, run_dir, _ = cross_validated
    runs = plan(synthetic, config, [0])
    with (
        RunDirectory(run_dir).alone(),
        pytest.raises(RunDirectoryError, match="another process is at work there; wait for its end"),
    ):
        train_all(synthetic, runs, run_dir, config, resume=True, cache=feature_cache)
    assert len(train_all(synthetic, runs, run_dir, config, resume=True, cache=feature_cache)) == 4


def test_one_fold_of_a_protocol(synthetic, cross_validated):
    config = cross_validated[0]
    assert [run.name for run in plan(synthetic, config, [3, 4], fold=2)] == [
        "fold_02_seed_3",
        "fold_02_seed_4",
    ]
    with pytest.raises(
        SplitError, match="leave_one_speaker_out has folds 0 to 3, found 4; choose one of them"
    ):
        plan(synthetic, config, [0], fold=4)


def test_evaluate_scores_what_it_knows_and_lists_the_rest(trained, tmp_path):
    write_corpus(
        tmp_path / "other", "folder", speakers=2, sentences=2, emotions=("anger", "fear", "sadness"), takes=1
    )
    corpus = load_corpus("folder", tmp_path / "other")
    result = evaluate(trained.folder / "bundle", corpus)
    assert result.unknown == {"fear": 4}
    assert len(result.report.rows) == 8
    assert result.report.absent == ("neutral",)


def test_evaluate_without_a_common_emotion_is_refused(trained, tmp_path):
    write_corpus(tmp_path / "other", "folder", speakers=1, sentences=2, emotions=("fear", "calm"), takes=1)
    with pytest.raises(
        LabelError, match="the corpus has calm, fear and the bundle knows anger, neutral, sadness; use"
    ):
        evaluate(trained.bundle, load_corpus("folder", tmp_path / "other"))


def test_evaluate_agrees_with_the_report(trained, synthetic, split):
    result = evaluate(trained.folder / "bundle", split.test)
    assert [row.predicted for row in result.report.rows] == [row.predicted for row in trained.report.rows]


def test_selection_never_sees_the_test_part(synthetic, split, tiny_config, tmp_path, monkeypatch):
    """Features of the test part are read after the training has ended, and then once each."""
    from magtfnet.experiments import training_run
    from magtfnet.features import FeatureStore

    tested, reads, fitted = {u.path for u in split.test}, [], []
    real_batch, real_fit = FeatureStore.batch, training_run.fit

    def batch(store, recordings):
        reads.extend((recording.path, bool(fitted)) for recording in recordings)
        return real_batch(store, recordings)

    monkeypatch.setattr(FeatureStore, "batch", batch)

    def fit(*arguments, **options):
        result = real_fit(*arguments, **options)
        fitted.append(True)
        return result

    monkeypatch.setattr(training_run, "fit", fit)
    train(synthetic, split, tmp_path / "run", tiny_config)
    of_test = [(path, after) for path, after in reads if path in tested]
    assert sorted(of_test) == sorted((path, True) for path in tested)


def test_the_papers_configuration_is_the_default():
    from pathlib import Path

    file = Path(__file__).parents[2] / "configs" / "paper.toml"
    written, default = load_config(file), load_config(None, ["protocol.name=speaker_dependent_8_1_1"])
    from magtfnet import create_model

    assert written.training == default.training
    assert (written.audio, written.features, written.protocol) == (
        default.audio,
        default.features,
        default.protocol,
    )
    models = [
        create_model("magtf_net", num_classes=7, **config.model.overrides) for config in (written, default)
    ]
    assert models[0].config == models[1].config
    assert tomllib.loads(file.read_text())["training"]["learning_rate"] == 0.001
