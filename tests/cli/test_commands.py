"""The commands do what they say, and print results to stdout alone."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from tiny_model import TINY

from magtfnet import DivergenceError
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.experiments import trainings
from magtfnet.experiments.scoring import heard_before

SETTINGS = [
    part for override in (*TINY, "training.epochs=1", "training.batch_size=8") for part in ("--set", override)
]


@pytest.fixture
def bundle(trained):
    return trained.folder / "bundle"


@pytest.fixture
def files(synthetic):
    return [u.path for u in synthetic][:3]


def test_version_and_help(cli):
    assert cli("--version").out.startswith("magtfnet 0.")
    found = cli("--help")
    assert found.code == 0
    for command in ("train", "evaluate", "predict", "corpora", "check", "synthesize", "demo"):
        assert command in found.out
        assert cli(command, "--help").code == 0


def test_corpora_are_listed(cli):
    found = cli("corpora")
    for text in ("emodb", "ravdess", "CC0-1.0", "CC-BY-NC-SA-4.0", "535", "1440", "folder", "table"):
        assert text in found.out
    assert "    get it: magtfnet fetch ravdess\n" in found.out
    assert "    get it: fill in the release form at https://sail.usc.edu/iemocap" in found.out
    assert {info["name"] for info in json.loads(cli("corpora", "--json").out)} >= {"emodb", "synthetic"}


def test_train_one_fold(cli, synthetic_root, tmp_path):
    run_dir = tmp_path / "run"
    found = cli("train", "synthetic", synthetic_root, "--protocol", "leave_one_speaker_out", "--fold", 1, *SETTINGS,
                "--run-dir", run_dir, "--seed", 4)  # fmt: skip
    assert found.code == 0
    assert "tested speaker s02" in found.err
    assert "epoch   1  loss" in found.err
    assert "epoch" not in found.out
    assert f"bundle: {run_dir / 'bundle'}" in found.out
    assert json.loads((run_dir / "environment.json").read_text())["seed"] == 4
    assert cli("predict", run_dir / "bundle", *synthetic_root.glob("s01_t01_*.wav")).code == 0


def test_train_folds_and_seeds_and_resume(cli, synthetic_root, tmp_path):
    command = ("train", "synthetic", synthetic_root, "--protocol", "speaker_dependent_k_fold", "--folds", 3,
               "--seeds", 2, *SETTINGS, "--run-dir", tmp_path / "run")  # fmt: skip
    found = cli(*command)
    assert found.code == 0
    assert "WA over 6 runs: mean " in found.out
    assert "run 6 of 6, magtf_net, seed 1" in found.err
    assert cli(*command).code == 2
    again = cli(*command, "--resume")
    assert again.code == 0
    assert again.out == found.out
    assert "epoch" not in again.err


def test_train_with_a_configuration_file_and_folds_from_a_file(cli, synthetic, synthetic_root, tmp_path):
    folds = tmp_path / "folds.csv"
    folds.write_text("id,fold\n" + "\n".join(f"{u.id},{u.sentence}" for u in synthetic))
    (tmp_path / "c.toml").write_text(
        "[training]\nepochs = 1\n[model]\nname = 'magtf_net_frames'\nd_model = 16\nnum_nodes = 4\n"
    )
    found = cli("train", "synthetic", synthetic_root, "--protocol", "folds_from", "--folds-file", folds,
                "--config", tmp_path / "c.toml", "--fold", 0, "--run-dir", tmp_path / "run")  # fmt: skip
    assert found.code == 0, found.err
    assert "tested sentence t01" in found.err
    assert "magtf_net_frames" in (tmp_path / "run" / "bundle" / "bundle.json").read_text()


def test_the_default_run_directory_says_what_it_is(cli, synthetic_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        cli(
            "train",
            "synthetic",
            synthetic_root,
            "--protocol",
            "leave_one_speaker_out",
            "--fold",
            0,
            *SETTINGS,
        ).code
        == 0
    )
    assert (tmp_path / "runs/synthetic-leave_one_speaker_out-magtf_net-fold_00-seed_0/report.html").exists()


def test_own_recordings_with_a_mapping_file(cli, tmp_path):
    write_corpus(tmp_path / "mine", "folder", speakers=3, sentences=3, emotions=("anger", "sadness"), takes=1)
    (tmp_path / "mine" / "anger").rename(tmp_path / "mine" / "wuetend")
    (tmp_path / "m.toml").write_text("speaker = '^(s..)_'\n[emotions]\nwuetend = 'anger'\n")
    found = cli("train", "folder", tmp_path / "mine", "--labels", tmp_path / "m.toml", "--protocol",
                "leave_one_speaker_out", "--fold", 0, *SETTINGS, "--run-dir", tmp_path / "run")  # fmt: skip
    assert found.code == 0, found.err
    assert "anger" in found.out


def test_a_part_of_a_corpus_and_a_published_label_set(cli, tmp_path):
    emotions = ("anger", "excitement", "frustration", "happiness")
    write_corpus(tmp_path / "i", "iemocap", speakers=6, sentences=2, emotions=emotions, takes=2)
    selection = ("--only", "improvised", "--labels", "iemocap_4", "--allow-incomplete")
    found = cli("train", "iemocap", tmp_path / "i", *selection, "--protocol", "leave_one_session_out", "--fold", 0,
                *SETTINGS, "--run-dir", tmp_path / "run")  # fmt: skip
    assert found.code == 0, found.err
    assert "36 utterances of iemocap, improvised (official 2943), " in found.err
    assert "tested session Session1" in found.err
    facts = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (facts["corpus"], facts["part"], facts["classes"]) == (
        "iemocap",
        "improvised",
        ["anger", "happiness"],
    )
    assert "improvised dialogues" in (tmp_path / "run" / "MODEL_CARD.md").read_text()


def test_predict_prints_a_line_a_file(cli, bundle, files):
    found = cli("predict", bundle, *files)
    assert found.code == 0
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert [row[0] for row in rows] == [str(path) for path in files]
    assert {row[1] for row in rows} <= {"anger", "neutral", "sadness"}
    assert found.err == ""


def test_predict_json_and_csv_agree(cli, bundle, files):
    as_json = json.loads(cli("predict", bundle, *files, "--json").out)
    as_csv = list(csv.DictReader(io.StringIO(cli("predict", bundle, *files, "--csv").out)))
    assert (
        [row["file"] for row in as_json] == [row["file"] for row in as_csv] == [str(path) for path in files]
    )
    for left, right in zip(as_json, as_csv, strict=True):
        assert left["label"] == right["label"]
        assert left["probabilities"]["anger"] == pytest.approx(float(right["p_anger"]), abs=1e-5)


def test_predict_reports_a_bad_file_and_does_the_rest(cli, bundle, files, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    names = [files[0], tmp_path / "bad.wav", tmp_path / "missing.wav", files[1]]
    found = cli("predict", bundle, *names)
    assert found.code == 1
    assert len(found.out.splitlines()) == 2
    assert "bad.wav: not audio in a known format; convert it" in found.err
    assert "missing.wav: no such file; check the path" in found.err
    assert "2 of 4 recordings could not be used" in found.err
    rows = json.loads(cli("predict", bundle, *names, "--json").out)
    assert ["error" in row for row in rows] == [False, True, True, False]
    rows = list(csv.DictReader(io.StringIO(cli("predict", bundle, *names, "--csv").out)))
    assert [bool(row["error"]) for row in rows] == [False, True, True, False]


def test_names_that_are_hard_to_print(cli, bundle, files, tmp_path):
    import shutil

    shutil.copy(files[0], tmp_path / "two\nlines\t.wav")
    found = cli("predict", bundle, tmp_path / "two\nlines\t.wav")
    assert found.code == 0
    assert len(found.out.splitlines()) == 1
    assert "two\\nlines\\t.wav\t" in found.out


def test_an_emotion_with_a_dollar_sign_is_drawn(cli, tmp_path):
    write_corpus(tmp_path / "c", "folder", speakers=2, sentences=3, emotions=("anger", "sadness"), takes=1)
    (tmp_path / "m.toml").write_text("[emotions]\nanger = '$a_$'\n")
    found = cli("train", "folder", tmp_path / "c", "--labels", tmp_path / "m.toml", "--protocol",
                "speaker_dependent_8_1_1", *SETTINGS, "--run-dir", tmp_path / "run")  # fmt: skip
    assert found.code == 0, found.err


def test_evaluate(cli, bundle, tmp_path):
    write_corpus(
        tmp_path / "other", "folder", speakers=1, sentences=3, emotions=("anger", "fear", "sadness"), takes=1
    )
    found = cli("evaluate", bundle, "folder", tmp_path / "other", "--out", tmp_path / "out")
    assert found.code == 0
    assert "not scored: 3 utterances of 'fear', which the bundle does not know" in found.out
    assert "no test utterance of neutral: UA is the mean over the other classes" in found.out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "predictions.csv",
        "metrics.json",
        "report.html",
    }
    values = json.loads(cli("evaluate", bundle, "folder", tmp_path / "other", "--json").out)
    assert values["unknown_emotions"] == {"fear": 3}
    assert values["utterances"] == 6
    found = cli("evaluate", bundle, "folder", tmp_path / "other", "--out", tmp_path / "out")
    assert found.code == 2
    assert "is there already; choose another --out" in found.err


def test_evaluate_on_the_training_corpus_says_so(cli, bundle, synthetic_root, tmp_path):
    note = "utterances that it was trained on are among those scored"
    assert note in cli("evaluate", bundle, "synthetic", synthetic_root, "--out", tmp_path / "out").err
    assert note in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_of_ones_own_data_only_the_name_is_known(trained, synthetic):
    corpus = replace(synthetic, info=replace(synthetic.info, name="folder"))
    bundle = replace(trained.bundle, provenance={**trained.bundle.provenance, "corpus": "folder"})
    assert "was trained on folder; utterances that it was trained on may be among" in heard_before(
        bundle, corpus
    )
    of_a_part = replace(bundle, provenance={**bundle.provenance, "part": "a"})
    assert heard_before(of_a_part, replace(corpus, part="b")) is None
    assert heard_before(of_a_part, replace(corpus, part="a")) is not None


def test_synthesize_and_check(cli, tmp_path):
    found = cli("synthesize", tmp_path / "made", "--speakers", 2, "--sentences", 2, "--takes", 1)
    assert found.out == f"16 recordings in {tmp_path / 'made'}\n"
    found = cli("check", "synthetic", tmp_path / "made")
    assert found.code == 0
    assert "Nothing is known of an original" in found.out
    assert cli("synthesize", tmp_path / "made").err.startswith(
        f"magtfnet: {tmp_path / 'made'}: is there already"
    )


def test_check_says_when_a_copy_is_not_the_original(cli, tmp_path):
    write_corpus(tmp_path / "e", "emodb", speakers=2, sentences=1, takes=1)
    found = cli("check", "emodb", tmp_path / "e")
    assert found.code == 1
    assert "! 8 utterances, the original has 535" in found.out
    assert "This copy is NOT the original." in found.out
    values = json.loads(cli("check", "emodb", tmp_path / "e", "--json").out)
    assert values["is_original"] is False


def test_check_lists_every_foreign_recording(cli, tmp_path):
    write_corpus(tmp_path / "e", "emodb", speakers=2, sentences=1, takes=1)
    for name in ("song.wav", "03a01Xx.wav"):
        (tmp_path / "e" / "wav" / name).touch()
    found = cli("check", "emodb", tmp_path / "e")
    assert found.code == 1
    for name in ("song.wav", "03a01Xx.wav"):
        assert f"{name}: not a name of EMO-DB, expected a name such as 03a01Fa.wav" in found.out


def test_check_finds_the_cut_copy(cli, tmp_path):
    """The widely copied archive: every file cut to 2.000 s at 22.05 kHz."""
    for path in write_corpus(tmp_path / "e", "emodb", speakers=2, sentences=2, takes=1):
        samples, _ = soundfile.read(path)
        soundfile.write(path, [*samples, *[0.0] * 44_100][:44_100], 22_050)
    found = cli("check", "emodb", tmp_path / "e")
    assert (
        "every recording lasts 2.000 s, the original's last 1.23 to 8.98 s: cut or padded to one length"
        in found.out
    )
    assert "sampled at 22050 Hz, the original at 16000 Hz: resampled" in found.out


def test_demo_on_nothing(cli, tmp_path):
    found = cli("demo", "--out", tmp_path / "demo", "--epochs", 1)
    assert found.code == 0, found.err
    for word in ("report: ", "bundle: ", "labelled ", "try it: "):
        assert word in found.out
    report = next(line for line in found.out.splitlines() if line.startswith("report: ")).removeprefix(
        "report: "
    )
    assert "<svg" in Path(report).read_text(encoding="utf-8")


def test_demo_on_a_corpus(cli, tmp_path, synthetic_root):
    assert cli("demo", "synthetic", synthetic_root, "--out", tmp_path / "demo", "--epochs", 1).code == 0


def test_reproduce_a_table(cli, tmp_path):
    write_corpus(tmp_path / "e", "emodb", speakers=4, sentences=3, emotions=("anger", "neutral"), takes=1)
    command = ("reproduce", "--corpus", f"emodb={tmp_path / 'e'}", "--allow-incomplete", "--tables", "3", "--quick",
               *SETTINGS, "--jobs", 1, "--out", tmp_path / "out")  # fmt: skip
    found = cli(*command)
    assert found.code == 0, found.err
    assert found.out.splitlines() == [
        f"report: {tmp_path / 'out' / 'rehearsal.html'}",
        f"tables: {tmp_path / 'out' / 'rehearsal.md'}",
    ]
    text = (tmp_path / "out" / "rehearsal.md").read_text()
    assert (
        "magtfnet reproduce --corpus emodb=ROOT --tables 3 --seeds 5 --quick --allow-incomplete --set" in text
    )
    assert str(tmp_path) not in text, "nobody's folders stand in a report"
    assert cli(*command).code == 2
    assert cli(*command, "--resume").out == found.out


def test_search_a_space(cli, synthetic_root, tmp_path):
    (tmp_path / "space.toml").write_text('[space]\n"model.dropout" = [0.1, 0.3]\n')
    command = ("search", "synthetic", synthetic_root, "--space", tmp_path / "space.toml", *SETTINGS, "--protocol",
               "speaker_dependent_8_1_1", "--jobs", 1, "--out", tmp_path / "out")  # fmt: skip
    found = cli(*command)
    assert found.code == 0, found.err
    assert found.err.count("trial ") >= 2
    assert "best of 2: trial" in found.out
    assert f"configuration: {tmp_path / 'out' / 'best.toml'}" in found.out
    assert cli(*command, "--resume").out == found.out
    assert cli("train", "synthetic", synthetic_root, "--config", tmp_path / "out" / "best.toml", "--run-dir",
               tmp_path / "run").code == 0  # fmt: skip


def test_reproduce_says_which_model_diverged_and_exits_with_1(cli, tmp_path, monkeypatch):
    write_corpus(tmp_path / "e", "emodb", speakers=4, sentences=3, emotions=("anger", "neutral"), takes=1)
    original = trainings.train_network

    def diverging(corpus, split, folder, config, **rest):
        if config.model.name != "magtf_net":
            raise DivergenceError("the loss became nan in epoch 1")
        return original(corpus, split, folder, config, **rest)

    monkeypatch.setattr(trainings, "train_network", diverging)
    found = cli("reproduce", "--corpus", f"emodb={tmp_path / 'e'}", "--allow-incomplete", "--tables", "5", "--quick",
                "--no-speakers-apart", *SETTINGS, "--jobs", 1, "--out", tmp_path / "out")  # fmt: skip
    assert found.code == 1
    assert "left out: magtf_net_frames, fold_00_seed_0: the loss became nan in epoch 1" in found.err
    assert f"report: {tmp_path / 'out' / 'rehearsal.html'}" in found.out


def test_reproduce_takes_what_the_paper_takes_of_iemocap(cli, tmp_path):
    emotions = ("anger", "happiness", "excitement", "neutral", "sadness", "frustration")
    write_corpus(tmp_path / "i", "iemocap", speakers=4, sentences=3, emotions=emotions, takes=1)
    found = cli("reproduce", "--corpus", f"iemocap={tmp_path / 'i'}", "--allow-incomplete", "--tables", "3", "--quick",
                "--no-speakers-apart", *SETTINGS, "--jobs", 1, "--out", tmp_path / "out")  # fmt: skip
    assert found.code == 0, found.err
    run = tmp_path / "out" / "iemocap" / "speaker_dependent_8_1_1" / "magtf_net" / "fold_00_seed_0"
    facts = json.loads((run / "environment.json").read_text())
    assert set(facts["classes"]) == {"anger", "happiness", "neutral", "sadness"}
    with (run / "split.csv").open() as file:
        assert all("impro" in row["id"] for row in csv.DictReader(file))


def test_compare_systems(cli, synthetic_root, tmp_path):
    command = ("compare", "synthetic", synthetic_root, "--models", "functionals_gbm", "--protocol",
               "speaker_dependent_8_1_1", *SETTINGS, "--jobs", 1, "--out", tmp_path / "out")  # fmt: skip
    found = cli(*command)
    assert found.code == 0, found.err
    assert found.out.splitlines()[0] == f"report: {tmp_path / 'out' / 'compare.html'}"
    text = (tmp_path / "out" / "compare.md").read_text()
    assert "| functionals_gbm |" in text
    assert str(tmp_path) not in text
    assert cli(*command, "--resume").out == found.out
    assert cli("compare", "--corpus", *command[1:], "--resume").out == found.out


def test_compare_finished_runs(cli, tmp_path, trained):
    name = "again [red] :smile: " + "with a name that no row of 80 columns can hold beside its figures"
    again = shutil.copytree(trained.folder, tmp_path / name, ignore=shutil.ignore_patterns("bundle"))
    command = ("compare-runs", trained.folder, again)
    found = cli(*command)
    assert found.code == 0, found.err
    lines = [line.strip() for line in found.out.splitlines() if line.strip(" ─")]
    reference = trained.folder.name
    assert lines[0].split() == ["WA", "UA", "WA", "against", reference, "UA", "against", reference]
    row = next(line for line in lines if line.startswith(f"{name} "))
    assert row.split()[-3:] == ["+0.00", "+0.00", "1.000"]
    tested = len((trained.folder / "predictions.csv").read_text().splitlines()) - 1
    assert lines[-2:] == [
        f"tested: {tested} predictions each; runs: 1",
        f"p: of the difference in WA to {reference}, corrected by Holm's method for the other rows",
    ]
    pages = tmp_path / "pages"
    found = cli(*command, "--seed", 0, "--out", pages)
    assert found.out.splitlines()[-2:] == [f"report: {pages / 'runs.html'}", f"table: {pages / 'runs.md'}"]
    text = (pages / "runs.md").read_text()
    assert f"magtfnet compare-runs {reference} '{name}' --seed 0" in text
    assert f"| {name} | " in text
    assert str(tmp_path) not in text


def test_a_comparison_of_which_one_diverged_writes_the_others_and_says_so(cli, synthetic_root, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[model]\nname = "tim_net"\n[training]\nepochs = 2\nlearning_rate = 1e30\n')
    found = cli(
        "compare", "synthetic", synthetic_root, "--models", "magtf_net", "--recipe", recipe, "--protocol",
        "speaker_dependent_8_1_1", *SETTINGS, "--jobs", 1, "--out", tmp_path / "out",
    )  # fmt: skip
    assert found.code == 1
    told = "loss became nan in epoch 1; lower training.learning_rate"
    assert "left out: tim_net, fold_00_seed_0: the " in found.err
    assert told in found.err
    text = (tmp_path / "out" / "compare.md").read_text()
    assert told in text
    assert "| magtf_net |" in text
