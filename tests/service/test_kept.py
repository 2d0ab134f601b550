"""What the page keeps: counted as it comes, removed when it is old, whatever else happens in its folder."""

import os
import time

import pytest

from magtfnet.service.kept import KEPT_SECONDS, SMALLEST, Kept
from magtfnet.service.limits import MEBIBYTE
from magtfnet.service.problems import ProblemError


def test_bytes_are_counted_as_they_come(tmp_path):
    """Two uploads side by side share the limit, though neither is on the disk yet."""
    kept = Kept(tmp_path, 1)
    kept.take(MEBIBYTE // 2)
    kept.take(MEBIBYTE // 2)
    with pytest.raises(
        ProblemError, match=r"the page keeps 1\.00 MiB of files, at most 1 MiB; try again in 60 s"
    ):
        kept.take(1)
    kept.arrived(MEBIBYTE // 2)
    with pytest.raises(ProblemError):
        kept.take(1)
    kept.gone(MEBIBYTE // 4)
    kept.take(MEBIBYTE // 4)


def test_a_sweep_removes_the_old_and_counts_the_rest(tmp_path):
    kept = Kept(tmp_path, 1)
    for name, age, size in (("old", KEPT_SECONDS + 60, 10), ("new", 0, 10_000), ("small", 0, 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(bytes(size))
        os.utime(tmp_path / name / "a.wav", (time.time() - age,) * 2)
    kept.take(500_000)
    kept.arrived(500_000)
    before = kept.size
    kept.take(300)
    kept.arrived(300)  # while it sweeps
    kept.counted(before, kept.sweep())
    assert sorted(file.parent.name for file in tmp_path.rglob("*.wav")) == ["new", "small"]
    assert kept.size == 10_000 + SMALLEST + 300


def test_a_sweep_removes_folders_that_hold_nothing(tmp_path):
    kept = Kept(tmp_path, 1)
    for name, age in (("old/deep", KEPT_SECONDS + 60), ("new", 0)):
        (tmp_path / name).mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    os.utime(tmp_path / "old", (time.time() - KEPT_SECONDS - 60,) * 2)
    assert kept.sweep() == 0
    assert not (tmp_path / "old" / "deep").exists()
    assert (tmp_path / "new").exists(), "a file may be on its way into it"


def test_files_that_go_meanwhile_do_not_end_the_sweep(tmp_path, monkeypatch):
    (tmp_path / "b.wav").write_bytes(bytes(5_000))
    monkeypatch.setattr(Kept, "_files", lambda self: iter([tmp_path / "gone.wav", tmp_path / "b.wav"]))
    assert Kept(tmp_path, 1).sweep() == 5_000
