"""What the terminal shows, wherever stdout leads."""

import io
import json
import sys

import pytest

from magtfnet.cli.terminal import progress_bar, say, show, show_json, show_table


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "cp1252", "ascii"])
def test_json_is_json_in_any_encoding(encoding, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", stdout)
    show_json({"label": "\u00c4rger", "file": "\x9b\u4eba.wav"})
    stdout.flush()
    written = stdout.buffer.getvalue()
    assert json.loads(written.decode("utf-8")) == {"label": "\u00c4rger", "file": "\x9b\u4eba.wav"}
    assert ("\u00c4".encode() in written) == (encoding == "utf-8")


def test_results_are_shown_where_stderr_is_closed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    say("progress")
    with progress_bar() as progress:
        progress("files", 1, 2)
    show("a result")
    assert capsys.readouterr().out == "a result\n"


def test_headings_do_not_move_the_cursor(capsys):
    show_table(["run", "WA against a\x1b[2Kb"], [["a\x1b[2Kb", "1"]])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count(r"a\x1b[2Kb") == 2
