"""Downloads from a server on this machine: whole, broken off, refused, altered."""

import hashlib
import io
import json
import sys
import types
import zipfile
from dataclasses import replace

import pytest

from magtfnet import DownloadError, MissingExtraError, StorageError
from magtfnet.corpora import CORPORA
from magtfnet.corpora.download import CHUNK, TRIES, fetch, fetch_database
from magtfnet.corpora.sources import Archive, Dataverse, LargeFiles
from magtfnet.corpora.synthetic import write_corpus


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def md5(data):
    return "md5:" + hashlib.md5(data).hexdigest()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A small copy of EMO-DB's layout as the bytes of an archive."""
    root = tmp_path_factory.mktemp("emodb")
    written = write_corpus(root, "emodb", speakers=2, sentences=1, takes=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for path in written:
            opened.write(path, path.relative_to(root).as_posix())
    return buffer.getvalue()


def info_with(*sources, name="emodb"):
    return replace(CORPORA[name].info, downloads=sources)


def tree(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_an_archive_becomes_the_folder(server, archive, tmp_path):
    server.files["/a.zip"] = archive
    fetch(info_with(Archive(server.url("/a.zip"), md5(archive))), tmp_path / "c")
    assert len(tree(tmp_path / "c")) == 8
    assert all(name.startswith("wav/") for name in tree(tmp_path / "c"))
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize(("knows_ranges", "megabytes"), [(True, [1, 2]), (False, [1, 1, 2])])
def test_megabytes_are_told(server, tmp_path, knows_ranges, megabytes):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("wav/x.wav", bytes(2_500_000))
    server.files["/a.zip"], server.knows_ranges = buffer.getvalue(), knows_ranges
    server.breaks_after = [100 * CHUNK]
    told = []
    fetch(info_with(Archive(server.url("/a.zip"))), tmp_path / "c", lambda *said: told.append(said))
    assert told == [("MB", done, 2) for done in megabytes]


def test_a_lost_connection_is_taken_up_where_it_broke(server, archive, tmp_path):
    server.files["/a.zip"] = archive
    server.breaks_after = [CHUNK, 2 * CHUNK]
    fetch(info_with(Archive(server.url("/a.zip"), md5(archive))), tmp_path / "c")
    assert server.ranges == [None, f"bytes={CHUNK}-", f"bytes={3 * CHUNK}-"]
    assert len(tree(tmp_path / "c")) == 8


def test_the_next_command_goes_on_where_the_last_was_stopped(server, archive, tmp_path):
    server.files["/a.zip"] = archive
    server.breaks_after = [CHUNK] * TRIES
    info = info_with(Archive(server.url("/a.zip"), sha256(archive)))
    with pytest.raises(DownloadError, match=r"a\.zip: connection lost \(.*\); what was received is kept"):
        fetch(info, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    assert (tmp_path / "c.part/archives/a.zip.part").read_bytes() == archive[: CHUNK * TRIES]
    server.ranges.clear()
    fetch(info, tmp_path / "c")
    assert server.ranges == [f"bytes={CHUNK * TRIES}-"]
    assert len(tree(tmp_path / "c")) == 8
    assert not (tmp_path / "c.part").exists()


def test_a_server_without_ranges_sends_all_anew(server, archive, tmp_path):
    server.files["/a.zip"], server.knows_ranges = archive, False
    server.breaks_after = [CHUNK]
    fetch(info_with(Archive(server.url("/a.zip"), md5(archive))), tmp_path / "c")
    assert len(tree(tmp_path / "c")) == 8


@pytest.mark.parametrize("kept", [0, 5])
def test_a_part_that_is_whole_already_or_too_long(server, archive, tmp_path, kept):
    """416: nothing lies beyond what was kept; where that is more than the file, it begins anew."""
    server.files["/a.zip"] = archive
    part = tmp_path / "c.part/archives/a.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(archive + b"x" * kept)
    fetch(info_with(Archive(server.url("/a.zip"), md5(archive))), tmp_path / "c")
    assert server.ranges == [f"bytes={len(archive) + kept}-", *([None] if kept else [])]
    assert len(tree(tmp_path / "c")) == 8


def test_another_checksum_is_refused_and_nothing_is_kept(server, archive, tmp_path):
    server.files["/a.zip"] = archive[:-1] + b"?"
    info = info_with(Archive(server.url("/a.zip"), md5(archive)))
    with pytest.raises(
        DownloadError, match=r"a\.zip: its checksum is not md5:\w+, as its publisher says; download it again"
    ):
        fetch(info, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    assert tree(tmp_path / "c.part") == []
    server.files["/a.zip"] = archive
    fetch(info, tmp_path / "c")
    assert len(tree(tmp_path / "c")) == 8


def test_an_archive_that_is_none(server, archive, tmp_path):
    server.files["/a.zip"] = b"<html>moved</html>"
    info = info_with(Archive(server.url("/a.zip")))
    with pytest.raises(DownloadError, match=r"not a whole ZIP archive \(.*\); download it again"):
        fetch(info, tmp_path / "c")
    damaged = bytearray(archive)
    damaged[len(archive) // 2] ^= 0xFF
    server.files["/a.zip"] = bytes(damaged)
    with pytest.raises(DownloadError, match="not a whole ZIP archive"):
        fetch(info, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    server.files["/a.zip"] = archive
    fetch(info, tmp_path / "c")
    assert len(tree(tmp_path / "c")) == 8


def test_addresses_that_do_not_answer(server, tmp_path):
    with pytest.raises(
        DownloadError, match=r"gone\.zip: the server answers 404 Not Found; see the page of the corpus"
    ):
        fetch(info_with(Archive(server.url("/gone.zip"))), tmp_path / "c")
    with pytest.raises(
        DownloadError, match=r"http://127\.0\.0\.1:1/.*: no answer \(ConnectionError\); check the connection"
    ):
        fetch(info_with(Dataverse("http://127.0.0.1:1", "doi:1", ".+")), tmp_path / "c")
    with pytest.raises(DownloadError, match=r"a\.zip: connection lost \(ConnectionError\)"):
        fetch(info_with(Archive("http://127.0.0.1:1/a.zip")), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_folder_that_is_there(server, archive, tmp_path):
    (tmp_path / "c").mkdir()
    server.files["/a.zip"] = archive
    fetch(info_with(Archive(server.url("/a.zip"))), tmp_path / "c")  # an empty one is filled
    with pytest.raises(StorageError, match="c: is there already; choose a new or empty folder"):
        fetch(info_with(Archive(server.url("/a.zip"))), tmp_path / "c")


def dataverse(server, names):
    """Publish files as a Dataverse does: a list with MD5 sums, and each under its number."""
    files = []
    for number, name in enumerate(names, start=1):
        data = name.encode()
        server.files[f"/api/access/datafile/{number}"] = data
        files.append({"label": name, "dataFile": {"id": number, "filename": name, "md5": md5(data)[4:]}})
    listing = {"status": "OK", "data": {"latestVersion": {"files": files}}}
    server.files["/api/datasets/:persistentId/?persistentId=doi:1"] = json.dumps(listing).encode()
    return Dataverse(server.url(""), "doi:1", r".+\.wav")


def test_a_dataverse(server, tmp_path):
    source = dataverse(server, ["OAF_back_angry.wav", "readme.pdf", "YAF_back_sad.wav"])
    told = []
    fetch(info_with(source, name="tess"), tmp_path / "c", lambda *said: told.append(said))
    assert tree(tmp_path / "c") == ["OAF_back_angry.wav", "YAF_back_sad.wav"]
    assert told == [("files", 1, 2), ("files", 2, 2)]


def test_files_that_are_there_are_not_asked_for_again(server, tmp_path):
    source = dataverse(server, ["OAF_back_angry.wav", "YAF_back_sad.wav"])
    data = server.files.pop("/api/access/datafile/2")
    with pytest.raises(DownloadError, match="datafile/2: the server answers 404"):
        fetch(info_with(source, name="tess"), tmp_path / "c")
    server.files["/api/access/datafile/2"] = data
    server.asked.clear()
    fetch(info_with(source, name="tess"), tmp_path / "c")
    assert [path for path in server.asked if "datafile" in path] == ["/api/access/datafile/2"]
    assert len(tree(tmp_path / "c")) == 2


@pytest.mark.parametrize(
    "answer", [b"<html>", b'{"data": {}}', b'{"data": {"latestVersion": {"files": [{}]}}}']
)
def test_a_dataverse_that_answers_something_else(server, tmp_path, answer):
    server.files["/api/datasets/:persistentId/?persistentId=doi:1"] = answer
    with pytest.raises(DownloadError, match="not a Dataverse's list of files"):
        fetch(info_with(Dataverse(server.url(""), "doi:1", ".+")), tmp_path / "c")


def test_a_list_without_files(server, tmp_path):
    with pytest.raises(DownloadError, match="its list names no file"):
        fetch(info_with(dataverse(server, ["readme.pdf"])), tmp_path / "c")


@pytest.fixture
def large_files(server):
    """CREMA-D's own source with this machine for its servers: pointers here, content there."""
    # as in the release, whose list has two X where the file's name has one
    listing = '"Stimulus_Number","Filename"\n1,"1001_DFA_ANG_XX"\n3234,"1040_ITH_SAD_XX"\n'
    server.files["/raw/SentenceFilenames.csv"] = listing.encode()
    for name in ("1001_DFA_ANG_XX", "1040_ITH_SAD_X"):
        data = name.encode()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid {sha256(data)}\nsize {len(data)}\n"
        server.files[f"/raw/AudioWAV/{name}.wav"] = pointer.encode()
        server.files[f"/media/AudioWAV/{name}.wav"] = data
    (published,) = CORPORA["crema_d"].info.downloads
    assert isinstance(published, LargeFiles)
    return replace(published, pointers=server.url("/raw"), content=server.url("/media"))


def test_large_files_of_a_repository(server, large_files, tmp_path):
    fetch(info_with(large_files, name="crema_d"), tmp_path / "c")
    assert tree(tmp_path / "c") == ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1040_ITH_SAD_X.wav"]
    assert (tmp_path / "c/AudioWAV/1040_ITH_SAD_X.wav").read_bytes() == b"1040_ITH_SAD_X"


def test_large_files_that_are_not_what_their_pointers_say(server, large_files, tmp_path):
    server.files["/media/AudioWAV/1001_DFA_ANG_XX.wav"] = b"altered"
    with pytest.raises(DownloadError, match=r"1001_DFA_ANG_XX\.wav: its checksum is not sha256:"):
        fetch(info_with(large_files, name="crema_d"), tmp_path / "c")
    server.files["/raw/AudioWAV/1001_DFA_ANG_XX.wav"] = b"RIFF"
    with pytest.raises(DownloadError, match="no pointer to a large file with its SHA-256 sum"):
        fetch(info_with(large_files, name="crema_d"), tmp_path / "c")


def test_what_is_published_is_what_the_licences_allow():
    fetched = {name for name in CORPORA if CORPORA[name].info.downloads}
    assert fetched == {"crema_d", "emodb", "nemo", "ravdess", "tess"}
    urls = [
        source.url
        for name in fetched
        for source in CORPORA[name].info.downloads
        if isinstance(source, Archive)
    ]
    assert all(url.endswith(".zip") for url in urls)


@pytest.fixture
def audb(monkeypatch):
    """A library of one database, in place of audb."""
    library = types.ModuleType("audb")

    def load_to(root, name, *, version=None, verbose=True):
        if (name, version) not in (("emodb", "1.4.1"), ("emodb", None)):
            raise RuntimeError(f"Cannot find version '{version}'\nfor database '{name}'.")
        write_corpus(
            tmp_path := __import__("pathlib").Path(root), "audformat", speakers=2, sentences=1, takes=1
        )
        assert tmp_path.is_dir()

    library.load_to = load_to
    monkeypatch.setitem(sys.modules, "audb", library)


def test_databases_by_name_and_version(audb, tmp_path):
    fetch_database("emodb==1.4.1", tmp_path / "a")
    fetch_database("emodb", tmp_path / "b")
    assert (tmp_path / "a/db.yaml").read_text() == (tmp_path / "b/db.yaml").read_text()
    with pytest.raises(
        DownloadError,
        match=r"emodb==9: Cannot find version '9' for database 'emodb'\.; name a public database and version",
    ):
        fetch_database("emodb==9", tmp_path / "c")
    with pytest.raises(StorageError, match="a: is there already"):
        fetch_database("emodb", tmp_path / "a")


def test_without_audb_one_line_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "audb", None)
    with pytest.raises(
        MissingExtraError, match=r"this needs 'audb', which is not installed: pip install 'magtfnet\[audb\]'"
    ):
        fetch_database("emodb", tmp_path / "c")
