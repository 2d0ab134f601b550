"""Folders of uploads that a killed process left: the next one removes its own user's, and nothing else."""

import os
import subprocess
import sys

import pytest

from magtfnet.service.kept import remove_abandoned


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be asked for there without harm")
def test_only_what_dead_processes_left_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive, other, elsewhere = (
        tmp_path / name
        for name in (
            f"magtfnet-page-{ended.pid}-abc",
            f"magtfnet-page-{os.getpid()}-abc",
            "magtfnet-page-notes-abc",
            "elsewhere",
        )
    )
    for folder in (dead, alive, other, elsewhere):
        folder.mkdir()
        (folder / "call.wav").write_bytes(b"sound")
    link = tmp_path / f"magtfnet-page-{ended.pid}-link"
    link.symlink_to(elsewhere, target_is_directory=True)
    remove_abandoned(tmp_path)
    assert not dead.exists()
    assert all((folder / "call.wav").exists() for folder in (alive, other, elsewhere))
    assert link.is_symlink()
