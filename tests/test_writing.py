"""Files are written whole or not at all."""

import sys
from pathlib import Path

import pytest

from magtfnet.writing import take_place, whole_folder, write_whole


def test_a_file_is_written_and_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "x.txt", "one\r\ntwo\n")
    assert (tmp_path / "x.txt").read_bytes() == b"one\r\ntwo\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_what_was_there_stays_when_writing_fails(tmp_path, monkeypatch):
    write_whole(tmp_path / "x.txt", "before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "x.txt", "after")
    assert (tmp_path / "x.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_names_that_are_no_unicode_survive(tmp_path):
    write_whole(tmp_path / "x.txt", "bad\udcff.wav")
    assert (tmp_path / "x.txt").read_bytes() == b"bad\xff.wav"


def test_a_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "deep" / "x") as folder:
        (folder / "file").touch()
        assert not (tmp_path / "deep" / "x").exists()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["x"]
    assert (tmp_path / "deep" / "x" / "file").exists()


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def fill():
        with whole_folder(tmp_path / "x") as folder:
            (folder / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_take_the_place_of_an_empty_one(tmp_path):
    (tmp_path / "x").mkdir()
    with whole_folder(tmp_path / "x") as folder:
        (folder / "file").touch()
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["file"]


def test_an_empty_folder_is_replaced_where_the_system_does_not(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "place").mkdir()
    removed = []
    rmdir = Path.rmdir
    monkeypatch.setattr(Path, "rmdir", lambda path: (removed.append(path), rmdir(path)))
    monkeypatch.setattr(sys, "platform", "win32")
    take_place(tmp_path / "made", tmp_path / "place")
    assert removed == [tmp_path / "place"]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
