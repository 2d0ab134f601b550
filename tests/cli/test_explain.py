"""``magtfnet explain``: pages, JSON, exit codes, what is in the way."""

import json
import shutil

import pytest


@pytest.fixture
def files(synthetic):
    return [str(utterance.path) for utterance in list(synthetic)[:2]]


def explain(cli, trained, files, out, *more):
    return cli(
        "explain", str(trained.folder / "bundle"), *files, "--out", str(out), "--method", "occlusion", *more
    )


def test_a_page_for_each_recording(cli, trained, files, tmp_path):
    done = explain(cli, trained, files, tmp_path / "out")
    assert done.code == 0
    pages = sorted((tmp_path / "out").iterdir())
    assert len(pages) == 2
    text = pages[0].read_text(encoding="utf-8")
    assert "data:audio/wav;base64," in text
    assert text.count("<svg") == 6  # overview, bands, descriptors, scales, graph, attention
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert done.out.count("The model hears") == 2
    assert "Strongest edges between two nodes" in text
    assert text.count(" Hz</td>") == 3  # centroid, bandwidth, roll-off in their unit
    assert text.count(" dB</td>") == 7


def test_json_has_the_same_as_data(cli, trained, files, tmp_path):
    done = explain(cli, trained, files, tmp_path / "out", "--json")
    rows = json.loads(done.out)
    assert [row["file"] for row in rows] == files
    assert len(rows[0]["cells"]) == 6


def test_a_bad_recording_does_not_stop_the_others(cli, trained, files, tmp_path):
    done = explain(cli, trained, [str(tmp_path / "none.wav"), files[0]], tmp_path / "out")
    assert done.code == 1
    assert "none.wav: no such file" in done.err
    assert "1 of 2 recordings could not be explained" in done.err
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_model_that_cannot_be_explained_is_no_recordings_fault(cli, graph_path, files, tmp_path):
    done = cli("explain", graph_path, *files, "--out", tmp_path / "out")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "needs a bundle with its weights" in done.err
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_have_two_pages(cli, trained, files, tmp_path):
    assert explain(cli, trained, [files[0], files[0]], tmp_path / "out").code == 0
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_what_is_in_the_way_is_named(cli, trained, files, tmp_path):
    assert explain(cli, trained, files[:1], tmp_path / "out").code == 0
    again = explain(cli, trained, files[:1], tmp_path / "out")
    assert again.code == 2
    assert "is there already; remove it or choose another --out" in again.err
    (tmp_path / "file").write_text("")
    other = explain(cli, trained, files[:1], tmp_path / "file")
    assert other.code == 2
    assert "a file where a folder was expected" in other.err


def test_an_emotion_that_the_bundle_does_not_know(cli, trained, files, tmp_path):
    done = explain(cli, trained, files, tmp_path / "out", "--emotion", "joy")
    assert done.code == 2
    assert "unknown emotion 'joy', expected one of anger, neutral, sadness" in done.err
    assert not (tmp_path / "out").exists()


def test_check_says_whether_it_is_true(cli, trained, files, tmp_path):
    done = explain(cli, trained, files[:1], tmp_path / "out", "--check", "--json")
    row = json.loads(done.out)[0]
    assert row["deletion_gain"] > 0
    assert row["insertion_gain"] > 0
    assert -1 <= row["randomised_correlation"] <= 1
    page = next((tmp_path / "out").iterdir()).read_text(encoding="utf-8")
    assert "With the weights shuffled" in page


def corpus(cli, bundle, root, out, *more):
    return cli("explain", bundle, "--corpus", "synthetic", root, "--out", out, "--per-emotion", "2", *more)


def test_a_corpus_explained_by_one_model(cli, trained, synthetic_root, tmp_path):
    done = corpus(cli, trained.folder / "bundle", synthetic_root, tmp_path / "out")
    assert done.code == 0
    assert "another seed would give the same explanation is not known" in done.out
    assert "% of their variance by speaker" in done.out
    page = (tmp_path / "out" / "synthetic.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4  # bands, descriptors, scales, neighbourhoods


def test_a_corpus_of_ones_own_is_explained_by_its_mapping_file(cli, trained, synthetic, tmp_path):
    for utterance in synthetic:
        place = tmp_path / "own" / {"anger": "grimm"}.get(utterance.emotion, utterance.emotion)
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(utterance.path, place)
    command = ("explain", trained.folder / "bundle", "--corpus", "folder", tmp_path / "own", "--per-emotion", 1,
               "--method", "occlusion", "--out", tmp_path / "out")  # fmt: skip
    refused = cli(*command)
    assert refused.code == 2
    assert "map it in a mapping file (--labels)" in refused.err
    (tmp_path / "m.toml").write_text('[emotions]\ngrimm = "anger"\n')
    done = cli(*command, "--labels", tmp_path / "m.toml")
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "folder.html").exists()


def test_models_of_several_seeds_are_compared(cli, trained, synthetic, synthetic_root, tmp_path, tiny_config):
    from magtfnet import protocols, train

    for seed in (0, 1):
        split = protocols.speaker_dependent_8_1_1(synthetic, seed=seed)[0]
        train(synthetic, split, tmp_path / "runs" / f"seed_{seed}", tiny_config, seed=seed)
    done = corpus(cli, tmp_path / "runs", synthetic_root, tmp_path / "out", "--json")
    found = json.loads(done.out)
    bands = found["emotions"]["anger"]["bands"]
    assert len(bands["shares"]) == 2
    assert [sum(shares) for shares in bands["shares"]] == pytest.approx([1, 1])
    assert -1 <= bands["agreement"] <= 1
    assert set(found["variance_shares"]) == {"emotion", "speaker", "sex"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "found neither"),
        (["x.wav", "--corpus", "emodb", "."], "found both"),
        (["--corpus", "emodb", ".", "--check"], "--emotion and --check are of single recordings"),
        (["x.wav", "--per-emotion", "3"], "--per-emotion is of a corpus"),
        (["x.wav", "--cache", "x"], "--cache is of a corpus"),
        (["x.wav", "--labels", "m.toml"], "--labels is of a corpus"),
        (["x.wav", "--allow-incomplete"], "--allow-incomplete is of a corpus"),
    ],
)
def test_what_does_not_go_together(cli, trained, tmp_path, more, message):
    done = cli("explain", trained.folder / "bundle", *more, "--out", tmp_path / "out")
    assert done.code == 2
    assert message in done.err


def test_a_folder_without_bundles(cli, tmp_path, synthetic_root):
    done = corpus(cli, tmp_path, synthetic_root, tmp_path / "out")
    assert done.code == 2
    assert "no bundle and no run directory with bundles" in done.err
