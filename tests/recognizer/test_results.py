"""Many recordings to one table: in order, resumable, bad ones at the end, and no more in memory than is under way."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from magtfnet import ResultsError, UnknownNameError, WorkerError
from magtfnet.audio.finding import find_recordings
from magtfnet.recognizer import many
from magtfnet.recognizer.journal import Journal
from magtfnet.recognizer.result_tables import writer_for
from magtfnet.recognizer.results import Results


@pytest.fixture
def folder(synthetic, tmp_path):
    """Twelve recordings in two folders, two of them bad, and what is none."""
    root = tmp_path / "calls"
    (root / "b" / "deep").mkdir(parents=True)
    for number, utterance in enumerate(list(synthetic)[:10]):
        place = root if number % 2 else root / "b" / "deep"
        (place / utterance.path.name).write_bytes(utterance.path.read_bytes())
    (root / "bad.WAV").write_bytes(b"nonsense")
    (root / "b" / "empty.flac").touch()
    (root / "notes.txt").write_text("no recording")
    (root / ".hidden.wav").write_bytes(b"hidden")
    (root / "loop").symlink_to(root, target_is_directory=True)
    return root


def rows_of(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_text())))
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def test_recordings_are_found_in_an_order_that_stays(folder):
    found = [str(path.relative_to(folder)) for path in find_recordings(folder)]
    assert len(found) == 12
    assert found[0] == "bad.WAV"
    assert found[6] == "b/empty.flac"
    assert found == [str(path.relative_to(folder)) for path in find_recordings(folder)]
    assert len(list(find_recordings(folder, recursive=False))) == 6


@pytest.mark.parametrize("name", ["results.csv", "results.jsonl", "results.parquet"])
def test_a_folder_to_a_table(cli, graph_path, folder, tmp_path, name):
    out = tmp_path / name
    done = cli("predict", folder, "--model", graph_path, "--recursive", "--out", out)
    assert done.code == 1
    assert done.out == f"{out}: 12 recordings\n"
    errors = done.err.splitlines()
    assert "bad.WAV: not audio in a known format" in errors[0]
    assert "empty.flac: an empty file" in errors[1]
    assert errors[2] == "magtfnet: 2 of 12 recordings could not be used"
    rows = rows_of(out)
    assert [row["file"] for row in rows] == [str(path) for path in find_recordings(folder)]
    assert [bool(row.get("error")) for row in rows].count(True) == 2
    assert list(out.parent.glob("*.unfinished")) == []


def test_all_kinds_of_table_hold_the_same(cli, graph_path, folder, tmp_path):
    for name in ("r.csv", "r.jsonl", "r.parquet"):
        cli("predict", folder, "--model", graph_path, "-r", "--out", tmp_path / name)
    plain, lines, columns = (rows_of(tmp_path / name) for name in ("r.csv", "r.jsonl", "r.parquet"))
    for one, two, three in zip(plain, lines, columns, strict=True):
        assert one["file"] == two["file"] == three["file"]
        if "error" not in two:
            assert one["label"] == two["label"] == three["label"]
            assert float(one["p_anger"]) == pytest.approx(two["probabilities"]["anger"], abs=1e-5)
            assert three["p_anger"] == two["probabilities"]["anger"]


def test_processes_change_nothing(cli, graph_path, folder, tmp_path):
    one = cli("predict", folder, "--model", graph_path, "-r", "--out", tmp_path / "one.jsonl")
    two = cli("predict", folder, "--model", graph_path, "-r", "--out", tmp_path / "two.jsonl", "--jobs", 2)
    assert (two.code, two.err) == (one.code, one.err)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


class Interrupted(BaseException):
    pass


def test_an_interruption_loses_nothing(cli, graph_path, folder, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    cli("predict", folder, "--model", graph_path, "-r", "--out", whole)
    monkeypatch.setattr(many, "PIECE", 3)
    files = list(find_recordings(folder))

    def until(count):
        yield from files[:count]
        raise Interrupted

    with pytest.raises(Interrupted):
        Results(out, graph_path, [str(folder)], recursive=True).write(until(7), 12)
    journal = out.with_name("out.jsonl.unfinished")
    assert len(journal.read_text().splitlines()) == 1 + 6  # two whole pieces
    with journal.open("ab") as file:
        file.write(b'{"file": "half a li')  # as a power cut leaves it
    asked = []
    predict_many = many.predict_many

    def watched(model, files, **options):
        files = list(files)
        asked.extend(files)
        yield from predict_many(model, files, **options)

    monkeypatch.setattr("magtfnet.recognizer.results.predict_many", watched)
    refused = cli("predict", folder, "--model", graph_path, "-r", "--out", out)
    assert refused.code == 2
    assert "out.jsonl.unfinished: unfinished results; go on with --resume, or remove the file" in refused.err
    done = cli("predict", folder, "--model", graph_path, "-r", "--out", out, "--resume")
    assert done.code == 1
    assert asked == files[6:]
    assert out.read_bytes() == whole.read_bytes()
    assert not journal.exists()


def test_going_on_wants_the_same(cli, graph_path, trained, folder, tmp_path):
    out = tmp_path / "out.csv"
    results = Results(out, graph_path, [str(folder)], recursive=True)
    results.journal.open(resume=False)
    results.journal.add({"file": str(folder / "gone.wav"), "error": "x"})
    results.journal.close()
    for arguments, words in (
        ((folder, "--model", trained.folder / "bundle", "-r"), "began with another model"),
        ((folder / "b", "--model", graph_path, "-r"), "began with another inputs"),
        ((folder, "--model", graph_path), "began with another recursive"),
        ((folder, "--model", graph_path, "-r"), "gone.wav where now"),
    ):
        done = cli("predict", *arguments, "--out", out, "--resume")
        assert done.code == 2
        assert words in done.err
        assert results.journal.path.exists()
    results.journal.path.write_text("a poem\n")
    done = cli("predict", folder, "--model", graph_path, "-r", "--out", out, "--resume")
    assert "no results of magtfnet; remove the file, or choose another --out" in done.err


def test_wrong_use_is_one_line(cli, graph_path, folder, tmp_path):
    (tmp_path / "there.csv").touch()
    (tmp_path / "none").mkdir()
    model = ("--model", graph_path)
    for arguments, words in (
        (("--out", tmp_path / "r.xlsx"), "results are written to .csv, .jsonl, .parquet, not '.xlsx'"),
        (("--out", tmp_path / "there.csv"), "there.csv: is there already; choose another --out"),
        (("--out", tmp_path / "no" / "r.csv"), "no: no such folder; make it, or choose another --out"),
        (("--out", tmp_path / "r.csv", "--json"), "--out takes its format from the file's suffix"),
        (("--resume",), "--resume goes on with the results in --out; name it"),
    ):
        done = cli("predict", folder, *model, *arguments)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
    for extra in ((), ("--out", tmp_path / "r.csv")):
        done = cli("predict", tmp_path / "none", *model, *extra)
        assert done.code == 2
        assert "none: no recordings by their suffixes; name another folder" in done.err
    done = cli("predict", graph_path)
    assert done.code == 2
    assert "is a model and no recording is named; name recordings behind it" in done.err


@pytest.mark.parametrize("line", [b"\0\0\0\0", b'{"a": 1}', b"[1]", b'{"file": "a.wav", "label": "joy"}'])
def test_a_damaged_journal_is_one_line(line, cli, graph_path, folder, tmp_path):
    out = tmp_path / "out.csv"
    results = Results(out, graph_path, [str(folder)], recursive=True)
    results.journal.open(resume=False)
    results.journal.add({"file": str(next(find_recordings(folder))), "error": "x"})
    results.journal.close()
    journal = results.journal.path
    journal.write_bytes(journal.read_bytes() + line + b"\n")
    done = cli("predict", folder, "--model", graph_path, "-r", "--out", out, "--resume")
    assert (done.code, done.out) == (2, "")
    assert f"{journal}: line 3 is damaged; remove the file and begin anew" in done.err
    assert journal.exists()


def test_parquet_without_its_library_is_named_before_any_work(cli, graph_path, folder, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = cli("predict", folder, "--model", graph_path, "--out", tmp_path / "r.parquet")
    assert done.code == 2
    assert "this needs 'pyarrow', which is not installed: pip install 'magtfnet[parquet]'" in done.err


def test_only_some_files_are_under_way_however_many_there_are(graph_path, synthetic, monkeypatch):
    """What is taken from the list runs at most a piece ahead of what came out of it."""
    path = next(iter(synthetic)).path
    monkeypatch.setattr(many, "PIECE", 4)
    taken = 0

    def files():
        nonlocal taken
        for _ in range(20):
            taken += 1
            yield path

    for count, _ in enumerate(many.predict_many(graph_path, files()), start=1):
        assert taken <= count + 4


def test_processes_run_only_some_pieces_ahead(monkeypatch):
    from concurrent.futures import Future

    waiting, most = 0, 0

    def submit(piece):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)

        class Done(Future):
            def result(self, timeout=None):
                nonlocal waiting
                waiting -= 1
                return [{"file": str(path)} for path in piece]

        return Done()

    monkeypatch.setattr(many, "PIECE", 2)
    files = [Path(str(number)) for number in range(101)]
    rows = list(many._in_order(submit, iter(files), ahead=6))
    assert [row["file"] for row in rows] == [str(path) for path in files]
    assert most == 6


def test_a_model_that_cannot_be_loaded_is_named_by_processes_too(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown model 'nosuch', expected one of"):
        list(many.predict_many("nosuch", [tmp_path / "a.wav"], jobs=2))


def test_a_killed_process_is_named(graph_path, tmp_path, monkeypatch):
    import magtfnet.recognizer.many as module

    monkeypatch.setattr(module, "_work", die)
    with pytest.raises(
        WorkerError, match="a process was killed, perhaps for want of memory; use fewer --jobs"
    ):
        list(many.predict_many(graph_path, [tmp_path / "a.wav"], jobs=2))


def die(_):
    import os

    os._exit(9)


def test_one_process_at_a_time_writes_a_table(cli, graph_path, folder, tmp_path):
    out = tmp_path / "out.csv"
    first = Results(out, graph_path, [str(folder)], recursive=True)
    first.journal.open(resume=False)
    for more in ((), ("--resume",)):
        done = cli("predict", folder, "--model", graph_path, "-r", "--out", out, *more)
        assert (done.code, done.out) == (2, "")
        assert f"{first.journal.path}: another process writes it; wait for its end, or choose" in done.err
    first.journal.close()
    assert cli("predict", folder, "--model", graph_path, "-r", "--out", out, "--resume").code == 1
    assert [path.name for path in tmp_path.glob("out.csv*")] == ["out.csv"]


@pytest.mark.parametrize("name", ["results.csv", "results.jsonl", "results.parquet"])
def test_a_table_is_utf8_whatever_the_names(name, tmp_path):
    row = {"file": os.fsdecode(b"stra\xdfe.wav"), "error": "x"}
    writer_for(tmp_path / name)(tmp_path / name, [row], ("joy",))
    (found,) = rows_of(tmp_path / name)
    assert found["file"] in ("stra\\udcdfe.wav", "stra\udcdfe.wav")  # JSON's readers undo the escape
    if name != "results.parquet":
        assert b"stra\\udcdfe.wav" in (tmp_path / name).read_bytes()


def test_names_that_are_no_unicode_survive(tmp_path):
    journal = Journal(tmp_path / "j", {"model": "x"})
    journal.open(resume=False)
    journal.add({"file": "a\udcff.wav", "error": "y"})
    journal.close()
    assert [row["file"] for row in journal.rows()] == ["a\udcff.wav"]
    with pytest.raises(ResultsError, match="unfinished results"):
        Journal(tmp_path / "j", {"model": "x"}).open(resume=False)
