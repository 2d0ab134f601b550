"""``magtfnet fetch``: the licence first, then the copy and its audit; how to ask where nothing may be downloaded."""

import io
import sys
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from magtfnet.corpora import CORPORA
from magtfnet.corpora.sources import Archive
from magtfnet.corpora.synthetic import write_corpus


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    """EMO-DB as if a copy of 4 utterances, which lies on this machine, were the original."""
    written = write_corpus(
        tmp_path / "source", "emodb", speakers=2, sentences=1, emotions=("anger", "sadness"), takes=1
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for path in written:
            opened.write(path, path.relative_to(tmp_path / "source").as_posix())
    server.files["/emodb.zip"] = buffer.getvalue()
    known = CORPORA["emodb"]
    info = replace(
        known.info, downloads=(Archive(server.url("/emodb.zip")),), utterances=4, speakers=2, seconds=None,
        classes={"anger": 2, "sadness": 2},
    )  # fmt: skip
    monkeypatch.setitem(CORPORA._entries, "emodb", replace(known, info=info))
    monkeypatch.chdir(tmp_path)
    return info


def test_the_licence_comes_first_and_the_audit_last(cli, published, tmp_path):
    found = cli("fetch", "emodb", tmp_path / "copy")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert lines[:3] == [
        "emodb: Berlin Database of Emotional Speech, acted German",
        "  licence: CC0-1.0",
        f"  cite: {published.citation}",
    ]
    assert lines[-1] == "This copy agrees with the original in all that was compared."
    assert len(list((tmp_path / "copy/wav").iterdir())) == 4


def test_the_folder_is_called_as_the_corpus(cli, published, tmp_path):
    assert cli("fetch", "emodb").code == 0
    assert (tmp_path / "emodb/wav").is_dir()
    found = cli("fetch", "emodb")
    assert found.code == 2
    assert found.err == f"magtfnet: {tmp_path / 'emodb'}: is there already; choose a new or empty folder\n"


def test_a_copy_that_is_not_the_original_is_said_and_kept(cli, published, tmp_path, monkeypatch):
    known = CORPORA["emodb"]
    monkeypatch.setitem(CORPORA._entries, "emodb", replace(known, info=replace(known.info, utterances=5)))
    found = cli("fetch", "emodb")
    assert found.code == 1
    assert "! 4 utterances, the original has 5" in found.out
    assert (tmp_path / "emodb/wav").is_dir()


def test_an_interrupt_says_how_to_go_on(cli, published, monkeypatch, tmp_path):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("magtfnet.corpora.download.ResumingDownloader._receive", interrupt)
    found = cli("fetch", "emodb")
    assert found.code == 130
    assert found.err == "magtfnet: interrupted; what was received is kept, the same command goes on\n"
    monkeypatch.undo()
    assert (tmp_path / "emodb.part").is_dir()


def test_the_folder_that_one_is_in(cli, published, tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "here")
        found = cli("fetch", "emodb", ".")
    assert found.code == 2
    assert "the folder that you are in is not made anew; name another" in found.err


def test_a_server_that_is_gone_is_one_line(cli, published, server):
    server.files.clear()
    found = cli("fetch", "emodb")
    assert found.code == 2
    assert "  licence: CC0-1.0" in found.out
    assert found.err.startswith("magtfnet: http://127.0.0.1:")
    assert found.err.endswith("emodb.zip: the server answers 404 Not Found; see the page of the corpus\n")


@pytest.mark.parametrize("corpus", ["casia", "emovo", "esd", "iemocap", "jl_corpus", "meld", "savee"])
def test_how_to_ask(cli, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = cli("fetch", corpus)
    assert found.code == 1
    assert f"  licence: {CORPORA[corpus].info.licence}" in found.out
    assert f"  it cannot be downloaded here: {CORPORA[corpus].info.request}" in found.out
    assert "http" in found.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["folder"],
            "corpus 'folder' is not published; there is nothing to fetch, it reads a folder that holds one",
        ),
        (["synthetic"], "corpus 'synthetic' is not published"),
        (["nosuch"], "unknown corpus 'nosuch', expected one of audformat"),
        (["audformat"], "fetch audformat needs --database, such as emodb==1.4.1; give it"),
        (["emodb", "--database", "emodb"], "fetch emodb takes no --database; leave it away"),
    ],
)
def test_mistakes(cli, arguments, message):
    found = cli("fetch", *arguments)
    assert (found.code, found.out) == (2, "")
    assert message in found.err


def test_a_database_of_audeerings(cli, tmp_path, monkeypatch):
    library = types.ModuleType("audb")

    def load_to(root, name, *, version, verbose):
        assert (name, version) == ("emodb", "1.4.1")
        write_corpus(Path(root), "audformat", speakers=2, sentences=1, takes=1)

    library.load_to = load_to
    monkeypatch.setitem(sys.modules, "audb", library)
    monkeypatch.chdir(tmp_path)
    found = cli("fetch", "audformat", "--database", "emodb==1.4.1")
    assert found.code == 0, found.err
    assert (tmp_path / "emodb/db.yaml").is_file()
    assert "audformat:synthetic at emodb" in found.out
