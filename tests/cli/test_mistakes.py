"""Every mistake of a user is one line on stderr with its remedy, exit code 2, and nothing is left behind."""

import errno
import json
import shutil

import pytest
import soundfile
from tiny_model import TINY

from magtfnet.corpora.synthetic import write_corpus

QUICK = [part for override in (*TINY, "training.epochs=1") for part in ("--set", override)]


@pytest.fixture
def bundle(trained):
    return trained.folder / "bundle"


def assert_refused(found, *words):
    assert found.code == 2, found.err
    assert found.out == ""
    lines = [line for line in found.err.splitlines() if line.startswith("magtfnet: ")]
    assert len(lines) == 1, found.err
    assert "Traceback" not in found.err
    for word in words:
        assert word in lines[0]


@pytest.fixture
def train(cli, synthetic_root, tmp_path):
    def run(*arguments, corpus="synthetic", root=None):
        found = cli(
            "train", corpus, root or synthetic_root, "--run-dir", tmp_path / "run", *QUICK, *arguments
        )
        if found.code == 2:
            assert not (tmp_path / "run").exists()
        return found

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "resnet"], ["unknown model 'resnet', expected one of acrnn_3d"]),
        (["--protocol", "loso"], ["unknown protocol 'loso', expected one of folds_from"]),
        (
            ["--set", "training.epoch=3"],
            ["unknown configuration key 'training.epoch'", "did you mean 'epochs'?"],
        ),
        (["--set", "training.epochs=x"], ["training.epochs = 'x': input should be a valid integer"]),
        (["--set", "model.width=3"], ["unknown configuration key 'model.width'"]),
        (["--set", "nonsense"], ["override 'nonsense' is not of the form section.key=value"]),
        (["--config", "nowhere.toml"], ["nowhere.toml: no such configuration file; check the path"]),
        (
            ["--protocol", "speaker_independent_k_fold", "--folds", "9"],
            ["needs at least 9 speakers, found 4; use fewer"],
        ),
        (
            ["--protocol", "speaker_dependent_k_fold", "--folds", "40"],
            ["class 'anger' has 16 utterances", "use fewer"],
        ),
        (["--protocol", "leave_one_session_out"], ["needs the session of every utterance", "give it"]),
        (["--protocol", "leave_one_speaker_out", "--folds", "3"], ["takes no 'folds'; leave it away"]),
        (["--protocol", "leave_one_speaker_out", "--folds", "5"], ["takes no 'folds'; leave it away"]),
        (
            ["--protocol", "folds_from", "--folds-file", "it's.csv"],
            ["it's.csv: No such file", "name a CSV of id,fold"],
        ),
        (
            ["--set", "training.learning_rate=inf"],
            ["training.learning_rate = inf: input should be a finite number"],
        ),
        (
            ["--set", "model.ffn_dim=10000000000000"],
            ["model.ffn_dim = 10000000000000: input should be less than"],
        ),
        (
            ["--set", "features.stft.n_fft=1000000000000"],
            ["features.stft.n_fft = 1000000000000: input should be less"],
        ),
        (
            ["--set", "features.lld.contrast_bands=5000"],
            ["contrast_bands = 5000: input should be less than or equal"],
        ),
        (
            ["--protocol", "leave_one_speaker_out", "--fold", "7"],
            ["has folds 0 to 3, found 7; choose one of them"],
        ),
        (["--protocol", "folds_from"], ["needs protocol.file"]),
        (
            ["--protocol", "folds_from", "--folds-file", "nowhere.csv"],
            ["nowhere.csv", "name a CSV of id,fold"],
        ),
        (["--labels", "m.toml"], ["m.toml: No such file or directory; name the mapping file"]),
        (["--seed", str(2**32)], ["Invalid value for '--seed'"]),
        (["--seeds", "1000000"], ["Invalid value for '--seeds'"]),
        (["--protocol", "folds_from", "--folds-file", "😀.csv"], ["😀.csv", "name a CSV of id,fold"]),
        (
            ["--model", "tim_net", "--set", "model.name=magtf_net"],
            ["--model tim_net and --set model.name=magtf_net differ"],
        ),
        (
            ["--folds", "5", "--set", "protocol.folds=3"],
            ["--folds 5 and --set protocol.folds=3 differ"],
        ),
        (["--seed", "-1"], ["Invalid value for '--seed'", "see 'magtfnet train --help'"]),
        (["--nonsense"], ["No such option: --nonsense", "see 'magtfnet train --help'"]),
    ],
)
def test_settings(train, arguments, words):
    assert_refused(train(*arguments), *words)


def test_missing_arguments(cli):
    assert_refused(cli("train", "emodb"), "Missing argument 'root'", "see 'magtfnet train --help'")
    assert_refused(cli("tarin"), "No such command 'tarin'")
    assert_refused(cli("predict"), "Missing argument")


def test_corpora(train, tmp_path):
    assert_refused(
        train(corpus="imocap"), "unknown corpus 'imocap', expected one of audformat, casia, crema_d, emodb"
    )
    assert_refused(
        train(root=tmp_path / "nowhere"), "nowhere: no such file or folder; expected the root of synthetic"
    )
    assert_refused(train(corpus="ravdess"), "no utterance of ravdess in it")


def test_an_incomplete_copy(train, tmp_path):
    write_corpus(tmp_path / "e", "emodb", speakers=3, sentences=1, takes=1)
    assert_refused(
        train(corpus="emodb", root=tmp_path / "e"),
        "this copy of emodb is incomplete, 12 utterances instead of 535",
        "'magtfnet check emodb",
        "--allow-incomplete uses it as it is",
    )
    found = train("--protocol", "leave_one_speaker_out", "--fold", "0", "--allow-incomplete", corpus="emodb",
                  root=tmp_path / "e")  # fmt: skip
    assert found.code == 0, found.err


def test_one_speaker_where_speakers_must_be_apart(train, tmp_path):
    write_corpus(tmp_path / "one", speakers=1, sentences=4, takes=1)
    assert_refused(
        train("--protocol", "leave_one_speaker_out", root=tmp_path / "one"),
        "needs at least 3 speakers",
        "found 1",
    )
    write_corpus(tmp_path / "mine", "folder", speakers=4, sentences=4, takes=1)
    assert_refused(
        train(corpus="folder", root=tmp_path / "mine"), "needs the speaker of every utterance", "has none"
    )


def test_a_class_with_too_few_utterances(train, tmp_path):
    write_corpus(tmp_path / "c", "folder", speakers=2, sentences=3, takes=1)
    for path in sorted((tmp_path / "c" / "anger").iterdir())[2:]:
        path.unlink()
    assert_refused(
        train("--protocol", "speaker_dependent_8_1_1", corpus="folder", root=tmp_path / "c"),
        "class 'anger' has 2 utterances and speaker_dependent_8_1_1 needs at least 3",
        "merge it by a mapping file (--labels)",
    )


def test_one_emotion_is_no_task(train, tmp_path):
    write_corpus(tmp_path / "c", "folder", speakers=2, sentences=3, takes=1, emotions=("anger",))
    assert_refused(
        train(corpus="folder", root=tmp_path / "c"), "needs at least 2 emotions, found 1 (anger); add another"
    )


def test_labels_nobody_knows(train, tmp_path):
    write_corpus(tmp_path / "c", "folder", speakers=2, sentences=3, takes=1)
    (tmp_path / "c" / "anger").rename(tmp_path / "c" / "meh")
    assert_refused(
        train(corpus="folder", root=tmp_path / "c"), "meh: unknown emotion 'meh'", "map it in a mapping file"
    )


def test_a_recording_that_cannot_be_used(train, tmp_path, synthetic_root):
    shutil.copytree(synthetic_root, tmp_path / "c")
    victim = sorted((tmp_path / "c").iterdir())[5]
    data = victim.read_bytes()
    victim.write_bytes(data[:200])
    assert_refused(
        train("--protocol", "speaker_dependent_8_1_1", root=tmp_path / "c"),
        f"{victim}: truncated",
        "copy it again",
    )


def test_a_run_directory_that_is_there(cli, synthetic_root, trained):
    found = cli("train", "synthetic", synthetic_root, "--run-dir", trained.folder)
    assert_refused(found, "is there already; go on with --resume, or choose another folder")
    found = cli("train", "synthetic", synthetic_root, "--protocol", "speaker_dependent_8_1_1", "--run-dir",
                trained.folder, "--resume", "--set", "training.epochs=3")  # fmt: skip
    assert_refused(found, "began with", "resume with the same settings")


def test_bundles(cli, bundle, tmp_path, synthetic_root):
    recording = next(synthetic_root.glob("*.wav"))
    assert_refused(cli("predict", tmp_path / "none", recording), "no such folder; expected a bundle")
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "b" / "weights.safetensors").write_bytes(b"x")
    assert_refused(
        cli("predict", tmp_path / "b", recording),
        "weights.safetensors was altered or damaged; copy the bundle",
    )
    (tmp_path / "b" / "weights.safetensors").unlink()
    assert_refused(
        cli("evaluate", tmp_path / "b", "synthetic", synthetic_root), "weights.safetensors is missing"
    )
    assert_refused(
        cli("predict", bundle, recording, "--json", "--csv"), "exclude each other; give one of them"
    )


def test_no_other_model_answers_than_the_one_meant(
    cli, trained, bundle, tmp_path, synthetic_root, monkeypatch
):
    recording = next(synthetic_root.glob("*.wav"))
    found = cli("predict", trained.folder, recording)
    assert_refused(found, f"{trained.folder}: a run directory; expected the bundle in it, {bundle}")
    assert_refused(
        cli("predict", recording, bundle), "is a model among the recordings; name one model, before"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emodb").mkdir()
    assert_refused(
        cli("predict", "emodb", recording),
        "emodb is a folder here and the name of a model; write --model emodb",
    )
    assert_refused(cli("predict", recording, "emodb"), "emodb: no recordings by their suffixes; name another")


def test_a_model_is_evaluated_by_its_name(cli, bundle, synthetic_root, tmp_path, monkeypatch):
    shutil.copytree(bundle, tmp_path / "models" / "mine")
    monkeypatch.setenv("MAGTFNET_MODELS", str(tmp_path / "models"))
    assert cli("evaluate", "mine", "synthetic", synthetic_root).code == 0
    assert_refused(
        cli("evaluate", "nobody", "synthetic", synthetic_root), "unknown model 'nobody', expected one of"
    )


def test_evaluate_without_a_common_emotion(cli, bundle, tmp_path):
    write_corpus(tmp_path / "c", "folder", speakers=1, sentences=1, takes=1, emotions=("fear", "calm"))
    assert_refused(
        cli("evaluate", bundle, "folder", tmp_path / "c"), "the bundle knows anger, neutral, sadness"
    )


def test_a_full_disk(train, monkeypatch, tmp_path):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "features"))

    monkeypatch.setattr("magtfnet.features.store.Path.mkdir", full)
    assert_refused(train("--protocol", "speaker_dependent_8_1_1"), "No space left on device; free some space")


def test_a_full_disk_in_the_middle_is_resumed_later(cli, synthetic_root, monkeypatch, tmp_path):
    command = ("train", "synthetic", synthetic_root, "--protocol", "speaker_dependent_8_1_1", *QUICK, "--run-dir",
               tmp_path / "run")  # fmt: skip

    def full(state, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("magtfnet.training.checkpoint.torch.save", full)
    assert_refused(cli(*command), ".part: No space left on device; free some space or choose another folder")
    assert not list((tmp_path / "run").glob("*.part"))
    monkeypatch.undo()
    monkeypatch.setenv("MAGTFNET_CACHE", str(tmp_path / "cache"))
    assert cli(*command, "--resume").code == 0


def test_folders_that_must_not_be_read_or_written(train, cli, monkeypatch, tmp_path, synthetic_root):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.iterdir", refuse)
        assert_refused(
            cli("check", "synthetic", synthetic_root),
            f"{synthetic_root}: Permission denied; check the permissions",
        )
    with monkeypatch.context() as patch:
        patch.setattr("magtfnet.experiments.run_directory.Path.mkdir", refuse)
        assert_refused(
            train("--protocol", "speaker_dependent_8_1_1"), "Permission denied; check the permissions"
        )


def test_a_missing_extra(cli, bundle, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "torch" or name.startswith("magtfnet.recognizer"):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *arguments, **options)

    monkeypatch.setattr("builtins.__import__", without)
    assert_refused(
        cli("predict", bundle, "x.wav"),
        "this needs 'torch', which is not installed: pip install 'magtfnet[train]'",
    )


def test_divergence(cli, synthetic_root, tmp_path):
    wild = [
        part
        for text in ("learning_rate=1e30", "optimizer=sgd", "epochs=5")
        for part in ("--set", f"training.{text}")
    ]
    found = cli("train", "synthetic", synthetic_root, "--protocol", "speaker_dependent_8_1_1", *QUICK, *wild,
                "--run-dir", tmp_path / "run")  # fmt: skip
    assert_refused(found, "the loss became", "lower training.learning_rate")
    assert not (tmp_path / "run").exists()


def test_too_many_speakers_for_a_layout(cli, tmp_path):
    assert_refused(
        cli("synthesize", tmp_path / "e", "--layout", "emodb", "--speakers", 11),
        "layout 'emodb' has names for 10 speakers, found 11; ask for fewer",
    )
    assert not (tmp_path / "e").exists()
    assert_refused(
        cli("synthesize", tmp_path / "x", "--layout", "nope"),
        "unknown layout 'nope', expected one of audformat, casia",
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("demo", "--labels", "m.toml"), "--labels is of a corpus; leave it away"),
        (("export", "BUNDLE", "x.onnx", "--only", "a"), "--only is of --corpus; leave it away"),
        (("listen", "--speed", "2"), "--speed is of --file; leave it away"),
        (("listen", "--file", "x.wav", "--device", "1"), "--device is of a microphone, and --file is given"),
    ],
)
def test_options_that_would_be_passed_over(cli, bundle, command, words):
    assert_refused(cli(*(bundle if word == "BUNDLE" else word for word in command)), words)


def test_a_demo_of_half_a_corpus(cli, tmp_path):
    assert_refused(
        cli("demo", "emodb", "--out", tmp_path / "d"), "takes a corpus and its root, or neither; give CORPUS"
    )
    assert_refused(cli("demo", "nosuch", "/x", "--out", tmp_path / "d"), "unknown corpus 'nosuch'")
    assert not (tmp_path / "d").exists()


def test_a_demo_on_a_broken_corpus_leaves_nothing(cli, tmp_path, synthetic_root):
    shutil.copytree(synthetic_root, tmp_path / "c")
    victim = sorted((tmp_path / "c").iterdir())[5]
    victim.write_bytes(victim.read_bytes()[:200])
    found = cli("demo", "synthetic", tmp_path / "c", "--out", tmp_path / "d")
    assert_refused(found, f"{victim}: truncated", "copy it again")
    assert list((tmp_path / "d").iterdir()) == []


def test_an_interrupt(cli, synthetic_root, monkeypatch, tmp_path):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("magtfnet.experiments.training_run.fit", interrupt)
    found = cli(
        "train",
        "synthetic",
        synthetic_root,
        "--protocol",
        "speaker_dependent_8_1_1",
        "--run-dir",
        tmp_path / "r",
    )
    assert found.code == 130
    assert "interrupted; what was finished is kept, --resume goes on" in found.err


def test_stereo_where_it_is_refused(train, tmp_path, synthetic_root):
    shutil.copytree(synthetic_root, tmp_path / "c")
    victim = sorted((tmp_path / "c").iterdir())[0]
    samples, rate = soundfile.read(victim)
    soundfile.write(victim, [[x, x] for x in samples], rate)
    found = train(
        "--protocol", "speaker_dependent_8_1_1", "--set", "audio.channels=refuse", root=tmp_path / "c"
    )
    assert_refused(found, "2 channels, expected 1; set audio.channels to mean, first or second")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpus", "emodb"], ["--corpus 'emodb' is not of the form NAME=PATH", "write it so"]),
        (["--corpus", "emodb=a", "--corpus", "emodb=b"], ["--corpus names 'emodb' twice; name it once"]),
        (["--corpus", "emodb=nowhere"], ["nowhere: no such file or folder; expected the root of emodb"]),
        (["--corpus", "imocap=x"], ["unknown corpus 'imocap'"]),
        (["--corpus", "emodb=x", "--tables", "two"], ["--tables 'two' are not numbers separated by commas"]),
        (
            ["--corpus", "emodb=x", "--only", "casai=first"],
            ["--only casai=first without its corpus; give --corpus"],
        ),
        (["--corpus", "emodb=x", "--folds", "emodb"], ["--folds 'emodb' is not of the form NAME=PATH"]),
        ([], ["Missing option '--corpus'"]),
    ],
)
def test_reproductions(cli, tmp_path, arguments, words):
    assert_refused(cli("reproduce", *arguments, "--out", tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_a_table_nobody_can_reproduce(cli, tmp_path, synthetic_root):
    command = (
        "reproduce",
        "--corpus",
        f"synthetic={synthetic_root}",
        "--tables",
        "2,7",
        "--out",
        tmp_path / "out",
    )
    assert_refused(cli(*command), "table 7 cannot be reproduced, expected some of 1, 2, 3, 4, 5, 6")
    assert not (tmp_path / "out").exists()


def test_searches(cli, tmp_path, synthetic_root):
    (tmp_path / "space.toml").write_text('[space]\n"training.batchsize" = [8]\n')
    command = ("search", "synthetic", synthetic_root, "--out", tmp_path / "out")
    assert_refused(
        cli(*command, "--space", tmp_path / "space.toml"), "unknown configuration key 'training.batchsize'"
    )
    assert_refused(cli(*command, "--sampler", "tpe"), "say how many trials with --trials")
    assert_refused(cli(*command, "--sampler", "random"), "Invalid value for '--sampler'")
    apart = ("--protocol", "leave_one_speaker_out")
    assert_refused(cli(*command, *apart, "--fold", "9"), "has folds 0 to 3, found 9", "choose one of them")
    assert not (tmp_path / "out").exists()


def test_a_name_of_a_file_does_not_move_the_cursor(cli, graph_path, tmp_path):
    found = cli("predict", tmp_path / "a\x1b[2K\x9bb.wav", "--model", graph_path)
    assert "\x1b" not in found.err + found.out
    assert "\x9b" not in found.err + found.out
    assert r"a\x1b[2K\x9bb.wav" in found.err
    found = cli("predict", tmp_path / "a\x1b[2K\x9bb.wav", "--model", graph_path, "--json")
    assert "\x9b" not in found.out
    assert json.loads(found.out)[0]["file"].endswith("a\x1b[2K\x9bb.wav")
    found = cli("check", "emodb", tmp_path / "\x1b[2K")
    assert r"\x1b[2K" in found.err


def test_comparisons(cli, tmp_path, synthetic_root):
    command = ("compare", "synthetic", synthetic_root, "--out", tmp_path / "out")
    assert_refused(
        cli(*command, "--models", "knn"), "unknown model 'knn', expected one of acrnn_3d", "tim_net"
    )
    assert_refused(cli(*command, "--protocol", "loso"), "unknown protocol 'loso'")
    assert not (tmp_path / "out").exists()


def test_finished_runs(cli, tmp_path, trained):
    (tmp_path / "empty").mkdir()
    assert_refused(
        cli("compare-runs", trained.folder), "Missing argument 'runs'", "see 'magtfnet compare-runs --help'"
    )
    assert_refused(
        cli("compare-runs", trained.folder, tmp_path / "empty"),
        f"{tmp_path / 'empty'}: no predictions (predictions.csv) in it or in finished runs in it; name a run",
    )
    (tmp_path / "other").mkdir()
    lines = (trained.folder / "predictions.csv").read_text().splitlines(keepends=True)
    (tmp_path / "other" / "predictions.csv").write_text("".join(lines[:-1]))
    command = ("compare-runs", trained.folder, tmp_path / "other")
    assert_refused(
        cli(*command), f"other: lacks 1 of the {len(lines) - 1} predictions of {trained.folder.name}"
    )
    assert_refused(
        cli(*command, "--out", trained.folder), f"{trained.folder}: is there already; choose another --out"
    )
