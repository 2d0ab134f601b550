"""Finished trainings side by side: whose predictions are read, what is refused, what the table says."""

import random
from pathlib import Path

import pytest

from magtfnet.errors import RunDirectoryError
from magtfnet.evaluation import EvaluationReport, ScoredUtterance
from magtfnet.evaluation.paired import difference, holm, scores
from magtfnet.evaluation.wording import percent_range, signed
from magtfnet.experiments.finished_runs import document, read_finished, table

CLASSES = ("anger", "joy", "sadness")


def predictions(accuracy, *, folds=(0, 1), seed=0, utterances=40):
    """Return rows by run: utterance ``f0u3`` of fold 0 and so on, so many of a hundred right."""
    chance = random.Random(accuracy * 1000 + seed)
    runs = {}
    for fold in folds:
        name = f"fold_{fold:02d}_seed_{seed}"
        rows = []
        for number in range(utterances):
            truth = CLASSES[number % 3]
            said = truth if chance.random() < accuracy / 100 else CLASSES[(number + 1) % 3]
            spoken = tuple(0.8 if emotion == said else 0.1 for emotion in CLASSES)
            rows.append(ScoredUtterance(f"f{fold}u{number}", None, truth, said, spoken, name))
        runs[name] = rows
    return runs


def save(folder, *runs, apart=False):
    """Write predictions as a protocol's folder has them, or each run in a folder of its own."""
    named = {name: rows for of_seed in runs for name, rows in of_seed.items()}
    files = {folder / name: rows for name, rows in named.items()}
    if not apart:
        files = {folder: [row for rows in named.values() for row in rows]}
    for place, rows in files.items():
        place.mkdir(parents=True)
        EvaluationReport(CLASSES, tuple(rows)).save_predictions(place / "predictions.csv")
        (place / "metrics.json").touch()
    return folder


def test_runs_in_one_file_and_in_folders_are_the_same(tmp_path):
    one, apart = (
        save(tmp_path / "one", predictions(70)),
        save(tmp_path / "apart", predictions(70), apart=True),
    )
    found = read_finished([one, apart])
    assert found["one"].runs == found["apart"].runs
    assert list(found["one"].runs) == ["fold_00_seed_0", "fold_01_seed_0"]


def test_the_table_has_the_differences_to_the_first_corrected_together(tmp_path):
    accuracies = {"reference": 55, "better": 90, "alike": 56}
    folders = [
        save(tmp_path / name, predictions(right, folds=range(4))) for name, right in accuracies.items()
    ]
    reports = read_finished(folders)
    columns, rows = table(reports)
    assert columns[0] == "run"
    assert columns[5:] == [
        "WA against reference",
        "95 % interval",
        "UA against reference",
        "95 % interval",
        "p",
    ]
    assert len(columns) == len(rows[0])
    of_all = {row[0]: [float(row[place].split(" (")[0]) for place in (2, 4)] for row in rows}
    for row in rows:  # an interval stands beside what it is of, and so does a difference
        for place, each in zip(
            (2, 4), (scores(reports[row[0]]).weighted, scores(reports[row[0]]).unweighted), strict=True
        ):
            assert row[place] == f"{100 * each.value:.2f} ({percent_range(each.interval)})"
        if row[0] != "reference":
            apart = [ours - theirs for ours, theirs in zip(of_all[row[0]], of_all["reference"], strict=True)]
            assert [float(row[5]), float(row[7])] == pytest.approx(apart, abs=0.011)
    means = [reports[row[0]].weighted_accuracy.mean for row in rows]
    assert means == sorted(means, reverse=True)
    found = {name: difference(reports[name], reports["reference"]) for name in ("better", "alike")}
    p_values = holm([estimates.weighted.p_value for estimates in found.values()])
    corrected = dict(zip(found, p_values, strict=True))
    cells = {row[0]: row[5:] for row in rows}
    assert cells["reference"] == [""] * 5
    for name, both in found.items():
        assert signed(both.weighted.value) != signed(both.unweighted.value)  # classes of unlike sizes
        shown = [
            (signed(each.value), percent_range(each.interval)) for each in (both.weighted, both.unweighted)
        ]
        assert cells[name] == [*shown[0], *shown[1], f"{corrected[name]:.3f}"]
    assert corrected["better"] < 0.05 < corrected["alike"]


def test_the_page_says_how_to_read_it_and_how_it_was_made(tmp_path):
    reports = read_finished([save(tmp_path / name, predictions(60)) for name in ("a", "b")])
    page = document(reports, *table(reports), "magtfnet compare-runs a b")
    assert "- tested: 80 predictions each; runs: 2" in page.markdown()
    assert "of the difference in WA to a, no less than" in page.markdown()
    assert "magtfnet compare-runs a b" in page.html()


def test_folders_of_one_name_are_told_apart_by_their_paths(tmp_path):
    folders = [save(tmp_path / corpus / "magtf_net", predictions(60)) for corpus in ("x", "y")]
    assert list(read_finished(folders)) == [str(folder) for folder in folders]


def test_one_seed_of_several(tmp_path):
    both = save(tmp_path / "both", predictions(60), predictions(60, seed=1))
    one = save(tmp_path / "one", predictions(60, seed=1))
    reports = read_finished([both, one], seed=1)
    assert list(reports["both"].runs) == list(reports["one"].runs) == ["fold_00_seed_1", "fold_01_seed_1"]
    with pytest.raises(
        RunDirectoryError, match=r"no run of seed 7; it has fold_00_seed_0, .*fold_01_seed_1$"
    ):
        read_finished([both, one], seed=7)


def test_seed_1_is_not_seed_11(tmp_path):
    folder = save(tmp_path / "a", predictions(60, seed=1), predictions(60, seed=11))
    assert list(read_finished([folder], seed=1)["a"].runs) == ["fold_00_seed_1", "fold_01_seed_1"]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"folds": (0,)}, "lacks 40 of the 80 predictions of a and has 0 others, such as anger of 'f1u0' in fold_01"),
        ({"seed": 1}, "lacks 80 of the 80 predictions of a and has 80 others"),
        ({"utterances": 41}, "lacks 0 of the 80 predictions of a and has 2 others, such as joy of 'f0u40'"),
    ],
)  # fmt: skip
def test_other_tests_are_refused(tmp_path, other, found):
    folders = [save(tmp_path / "a", predictions(60)), save(tmp_path / "b", predictions(60, **other))]
    with pytest.raises(RunDirectoryError, match=f"^b: {found}.*--seed takes those of one"):
        read_finished(folders)


def test_an_utterance_with_another_label_is_refused(tmp_path):
    first = save(tmp_path / "a", predictions(60))
    text = (first / "predictions.csv").read_text()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "predictions.csv").write_text(text.replace("f0u0,,anger", "f0u0,,joy"))
    with pytest.raises(
        RunDirectoryError, match=r"^b: lacks 1 of the 80 .* 1 others, such as anger of 'f0u0'"
    ):
        read_finished([first, tmp_path / "b"])


def test_no_predictions(tmp_path):
    good = save(tmp_path / "a", predictions(60))
    for none in (tmp_path / "x", good / "predictions.csv"):
        with pytest.raises(
            RunDirectoryError, match=rf"{none}: no predictions \(predictions\.csv\) in it or in finished"
        ):
            read_finished([good, none])


def test_one_folder_by_two_ways_is_refused(tmp_path, monkeypatch):
    good = save(tmp_path / "a", predictions(60))
    (tmp_path / "link").symlink_to(good)
    monkeypatch.chdir(tmp_path)
    for again in (good, Path("a"), Path("link"), good / ".." / "a"):
        with pytest.raises(RunDirectoryError, match=rf"^{again}: named twice \(as {good}\)"):
            read_finished([good, again])


def test_the_folder_that_one_is_in_has_its_name(tmp_path, monkeypatch):
    folders = [save(tmp_path / name, predictions(60)) for name in ("a", "b")]
    monkeypatch.chdir(folders[0])
    assert list(read_finished([Path(), folders[1]])) == ["a", "b"]


def test_runs_without_an_end_do_not_count(tmp_path):
    whole, cut = (save(tmp_path / name, predictions(60), apart=True) for name in ("whole", "cut"))
    (cut / "fold_01_seed_0" / "metrics.json").unlink()
    with pytest.raises(RunDirectoryError, match="cut: lacks 40 of the 80 predictions of whole"):
        read_finished([whole, cut])


def test_a_run_without_a_row_is_not_passed_over(tmp_path):
    folder = save(tmp_path / "a", predictions(60), apart=True)
    file = folder / "fold_00_seed_0" / "predictions.csv"
    file.write_text(file.read_text().splitlines()[0])
    with pytest.raises(RunDirectoryError, match=f"{file} is no table of predictions: it has no row"):
        read_finished([folder])


def test_one_run_in_two_folders_is_refused(tmp_path):
    save(tmp_path / "all" / "first", predictions(60))
    save(tmp_path / "all" / "second", predictions(70))
    with pytest.raises(RunDirectoryError, match="fold_00_seed_0 is there more than once"):
        read_finished([tmp_path / "all"])


def test_runs_of_two_systems_are_refused(tmp_path):
    folder = save(tmp_path / "a", predictions(60, folds=range(3)), apart=True)
    for fold, system in enumerate(("tim_net", "magtf_net", "tim_net")):
        (folder / f"fold_{fold:02d}_seed_0" / "config.toml").write_text(f'[model]\nname = "{system}"\n')
    with pytest.raises(
        RunDirectoryError,
        match=rf"^{folder}: holds runs of magtf_net \(fold_01_seed_0\), tim_net \(fold_00_seed_0\); name a folder",
    ):
        read_finished([folder])


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda text: text.replace("emotion", "label", 1), "'emotion'"),
        (lambda text: text.rpartition(",")[0], "float"),
        (lambda text: text.replace("anger,anger", "anger,rage", 1), "it has no probabilities of rage"),
        (lambda text: text.replace("0.8", "much", 1), "could not convert string to float: 'much'"),
        (lambda text: "\0" + text, "'id'"),
        (lambda text: "", "it has no row"),
    ],
)
def test_damaged_predictions_are_named(tmp_path, damage, found):
    folder = save(tmp_path / "a", predictions(60))
    file = folder / "predictions.csv"
    file.write_text(damage(file.read_text()))
    with pytest.raises(
        RunDirectoryError,
        match=f"^{folder}: {file} is no table of predictions: .*{found}.*; name runs of one",
    ):
        read_finished([folder])


def test_runs_of_other_classes_are_refused(tmp_path):
    folder = save(tmp_path / "a", predictions(60), apart=True)
    file = folder / "fold_01_seed_0" / "predictions.csv"
    file.write_text(file.read_text().replace("p_joy", "p_happiness").replace("joy", "happiness"))
    with pytest.raises(RunDirectoryError, match="has the classes"):
        read_finished([folder])
