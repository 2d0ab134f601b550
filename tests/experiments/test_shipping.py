"""A model to ship: everything is learnt from, the epochs are fixed beforehand, the card says so."""

import shutil
from dataclasses import replace

import pytest

from magtfnet import RunDirectoryError
from magtfnet.config import ModelConfig, ProtocolConfig
from magtfnet.evaluation import AggregateReport, EvaluationReport
from magtfnet.evaluation.calibration import answered_from
from magtfnet.evaluation.report import ScoredUtterance
from magtfnet.experiments.past_results import PastResults, fixed_epochs
from magtfnet.experiments.shipped_card import _tested_speakers
from magtfnet.experiments.shipping import ship
from magtfnet.labels import LabelSet


@pytest.fixture(scope="module")
def past(trained):
    return PastResults.read(trained.folder)


def test_past_results_are_read_as_they_were(past, trained):
    assert past.reports.pooled.weighted_accuracy == trained.report.weighted_accuracy
    best = max(trained.history, key=lambda row: (row["validation_WA"], -row["validation_loss"]))
    assert past.best_epochs == (best["epoch"],)
    assert past.to_dict()["WA"] == trained.report.weighted_accuracy


def test_epochs_are_the_median_of_those_that_validation_chose(past):
    runs = [replace(past, best_epochs=(3, 40)), replace(past, best_epochs=(10,))]
    assert fixed_epochs(runs) == 10


def test_results_of_a_system_that_knows_no_loss_are_read(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    history = tmp_path / "run" / "history.csv"
    history.write_text("epoch,validation_WA,seconds\n1,0.5,2.0\n", encoding="utf-8")
    assert PastResults.read(tmp_path / "run").best_epochs == (1,)


def test_before_the_temperature_is_known_where_each_run_has_one(past, trained, tmp_path):
    assert past.before_temperature is None, "a model with epochs has none"
    shutil.copytree(trained.folder, tmp_path / "run")
    history = tmp_path / "run" / "history.csv"
    first, *rows = history.read_text().splitlines()
    history.write_text("\n".join([f"{first},temperature", *(f"{row},2.0" for row in rows)]) + "\n")
    found = PastResults.read(tmp_path / "run")
    for before, after in zip(found.before_temperature.rows, past.reports.pooled.rows, strict=True):
        squares = [p**2 for p in after.probabilities]
        assert before.probabilities == pytest.approx(tuple(p / sum(squares) for p in squares))


def test_temperatures_of_several_runs_are_known_by_their_names(trained, tmp_path):
    for name in ("config.toml", "environment.json"):
        shutil.copy(trained.folder / name, tmp_path)
    header, *rows = (trained.folder / "predictions.csv").read_text().splitlines()
    run = next(iter(EvaluationReport.from_predictions(trained.folder / "predictions.csv").rows)).run
    names = ("fold_01_seed_0", "fold_00_seed_0")  # in another order than their folders
    lines = [row.replace(run, name) for name in names for row in rows]
    (tmp_path / "predictions.csv").write_text("\n".join([header, *lines]) + "\n")
    first, *epochs = (trained.folder / "history.csv").read_text().splitlines()
    for temperature, name in enumerate(names, start=2):
        (tmp_path / name).mkdir()
        text = "\n".join([f"{first},temperature", *(f"{row},{temperature}" for row in epochs)])
        (tmp_path / name / "history.csv").write_text(text + "\n")
    assert PastResults.read(tmp_path).temperatures == dict(zip(names, (2.0, 3.0), strict=True))
    (tmp_path / names[0]).rename(tmp_path / "fold_07_seed_0")
    with pytest.raises(RunDirectoryError, match="temperatures of other runs than the predictions"):
        PastResults.read(tmp_path)


def test_ship_trains_on_everything_the_same_way_again(past, synthetic, feature_cache, synthetic_root):
    epochs = []
    results = [replace(past, best_epochs=(2,))]
    bundle = ship(synthetic, results, cache=feature_cache, on_epoch=epochs.append)
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert all(set(row) == {"epoch", "train_loss", "seconds"} for row in epochs)  # nothing was held out
    assert bundle.provenance["utterances"] == len(synthetic) == 48
    assert bundle.graph is not None
    assert "learnt from all 48 utterances" in bundle.card
    assert "2 epochs, fixed beforehand" in bundle.card
    again = ship(synthetic, results, cache=feature_cache)
    assert again.card == bundle.card  # which holds the digest of the weights
    assert again.graph == bundle.graph


def test_what_was_trained_on_a_gpu_ships_from_a_machine_without(past, synthetic, feature_cache):
    training = past.config.training.model_copy(update={"device": "cuda"})
    on_gpu = replace(past, config=past.config.model_copy(update={"training": training}), best_epochs=(1,))
    assert ship(synthetic, [on_gpu], seed=0, cache=feature_cache).graph


def test_a_model_that_is_solved_for_learns_from_copies_too_and_has_no_epochs(
    past, synthetic, feature_cache, monkeypatch
):
    learnt = []
    monkeypatch.setattr(
        "magtfnet.experiments.training_run.fit",
        lambda model, standardizer, training, *a, **k: learnt.append(training),
    )
    config = past.config.model_copy(
        update={
            "model": ModelConfig(name="fisher_discriminant", num_components=2),
            "training": past.config.training.model_copy(update={"copies": ("noise",)}),
        }
    )
    bundle = ship(synthetic, [replace(past, config=config)], cache=feature_cache)
    assert [len(copy) for copy in learnt[0].copies()] == [48, 48]
    assert "- solved for without a gradient" in bundle.card
    assert "epochs, fixed" not in bundle.card


def test_the_card_looks_who_was_tested_in_whatever_protocol(past, synthetic):
    def told(rows, **protocol):
        report = EvaluationReport(past.reports.pooled.classes, tuple(rows))
        config = past.config.model_copy(update={"protocol": ProtocolConfig(**protocol)})
        return _tested_speakers(
            replace(past, config=config, reports=AggregateReport({"run": report})), synthetic
        )

    scored = [ScoredUtterance(u.id, u.speaker, u.emotion, u.emotion, (1.0, 0.0, 0.0)) for u in synthetic]
    speaker = scored[0].speaker
    alone = [row for row in scored if row.speaker == speaker]
    published = {"name": "folds_from", "file": "folds.csv"}
    assert told(alone, **published) == "new"
    assert told(alone[1:], **published) == "known from training"
    # here the other utterances of who is tested belong to no part
    assert told(alone[1:], name="speaker_and_sentence_independent") == "new"
    assert told(alone[1:], name="speaker_dependent_8_1_1") == "known from training"
    unknown = replace(synthetic, utterances=tuple(replace(u, speaker=None) for u in synthetic))
    config = past.config.model_copy(update={"protocol": ProtocolConfig(**published)})
    assert _tested_speakers(replace(past, config=config), unknown) == "not known"


def test_the_card_says_how_sure_it_is(past, synthetic, feature_cache):
    bundle = ship(synthetic, [replace(past, best_epochs=(1,))], cache=feature_cache, unsure_below=0.25)
    assert bundle.unsure_below == 0.25
    assert 'Below a probability of 0.25 it says "not sure". The table' in bundle.card, "not fixed beforehand"
    answered = answered_from(past.reports.pooled, 0.25)
    row = next(line for line in bundle.card.splitlines() if "no temperature" in line)
    assert row.endswith(f"| {100 * answered.coverage:.2f} | {100 * answered.accuracy:.2f} |")
    assert "| answered % | 100.00 | 90.00 | 80.00 | 70.00 | 60.00 | 50.00 |" in bundle.card


def test_the_card_says_what_intervals_resample(past, synthetic, feature_cache):
    def cell_and_card(corpus, pooled):
        result = replace(past, best_epochs=(1,), reports=AggregateReport({"run": pooled}))
        card = ship(corpus, [result], cache=feature_cache).card
        row = next(line for line in card.splitlines() if line.startswith(f"| {result.protocol} | 1 |"))
        return row.split(" | ")[-1].removesuffix(" |"), card

    pooled = past.reports.pooled
    of_two = [replace(row, speaker=str(number % 2)) for number, row in enumerate(pooled.rows)]
    resampled, card = cell_and_card(synthetic, EvaluationReport(pooled.classes, tuple(of_two)))
    assert resampled == "speakers"
    assert "too narrow" not in card
    nobody = replace(synthetic, utterances=tuple(replace(u, speaker=None) for u in synthetic))
    unknown = [replace(row, speaker=None) for row in of_two]
    resampled, card = cell_and_card(nobody, EvaluationReport(pooled.classes, tuple(unknown)))
    assert resampled == "utterances"
    assert "too narrow" in card
    assert "speakers not known" in card


def test_results_that_do_not_fit_are_refused(past, synthetic, trained, tmp_path):
    training = past.config.training.model_copy(update={"learning_rate": 0.5})
    other = replace(past, config=past.config.model_copy(update={"training": training}))
    with pytest.raises(
        RunDirectoryError, match=r"of another recipe than those of .*; name results of one recipe"
    ):
        ship(synthetic, [past, other])
    merged = replace(synthetic, labels=LabelSet(("anger", "calm")))
    with pytest.raises(RunDirectoryError, match="the corpus has anger, calm; name results of this corpus"):
        ship(merged, [past])
    missing = past.reports.pooled.rows[0].id
    fewer = replace(synthetic, utterances=tuple(u for u in synthetic if u.id != missing))
    with pytest.raises(
        RunDirectoryError, match=f"of 1 utterances that the corpus has not, such as {missing};"
    ):
        ship(fewer, [past])
    part = replace(past, utterances=len(synthetic) - 1)
    with pytest.raises(RunDirectoryError, match=r"of 47 utterances, the corpus has 48; name the same copy"):
        ship(synthetic, [part])
    for name in ("config.toml", "environment.json", "predictions.csv", "history.csv"):
        shutil.copytree(trained.folder, tmp_path / name)
        (tmp_path / name / name).unlink()
        with pytest.raises(RunDirectoryError, match=r"no finished results .*; name a run directory"):
            PastResults.read(tmp_path / name)


def test_the_command(cli, synthetic_root, trained, tmp_path):
    done = cli("ship", "synthetic", synthetic_root, tmp_path / "bundle", "--scores", trained.folder)
    assert done.code == 0, done.err
    assert "48 utterances of synthetic" in done.err
    assert "nothing held out" in done.err
    assert cli("predict", tmp_path / "bundle", next(synthetic_root.glob("*.wav"))).code == 0
    again = cli("ship", "synthetic", synthetic_root, tmp_path / "bundle", "--scores", trained.folder)
    assert again.code == 2
    assert "exists already; remove it or choose another name" in again.err
    lost = cli("ship", "synthetic", synthetic_root, tmp_path / "new", "--scores", tmp_path / "nowhere")
    assert (lost.code, (tmp_path / "new").exists()) == (2, False)
