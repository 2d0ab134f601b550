"""Databases in audEERING's format, as audformat itself writes them."""

import builtins
import warnings

import numpy as np
import pytest
import soundfile

from magtfnet import (
    ConfigError,
    CorpusError,
    CorpusLayoutError,
    CorpusRootError,
    MissingExtraError,
    load_corpus,
)
from magtfnet.corpora import Utterance

audformat = pytest.importorskip("audformat", reason="audformat is not installed (extra dev or audformat)")
TITLE = "speech, a database in audEERING's format"
FILES = ["wav/a.wav", "wav/b.wav", "wav/c.wav"]


def write(root, *, storage="csv", extra=None):
    """Write three recordings with speakers and texts, a table of emotions and one of segments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        database = audformat.Database("speech", source="https://example.org", languages=["deu"])
        database.license = audformat.define.License.CC0_1_0
        database.schemes["emotion"] = audformat.Scheme(labels=["anger", "Freude", "meh"])
        database.schemes["speaker"] = audformat.Scheme(
            labels={3: {"gender": "male"}, 8: {"gender": "female"}}
        )
        table = database["files"] = audformat.Table(audformat.filewise_index(FILES))
        table["speaker"] = audformat.Column(scheme_id="speaker")
        table["speaker"].set([3, 8, 3])
        table["transcription"] = audformat.Column()
        table["transcription"].set(["a01", "a02", "a01"])
        table = database["emotion"] = audformat.Table(audformat.filewise_index(FILES))
        table["emotion"] = audformat.Column(scheme_id="emotion")
        table["emotion"].set(["anger", "Freude", None])
        table["emotion.confidence"] = audformat.Column()
        table["emotion.confidence"].set([0.9, 0.8, 0.7])
        index = audformat.segmented_index(["wav/a.wav", "wav/a.wav"], ["0s", "1s"], ["1s", None])
        table = database["segments"] = audformat.Table(index)
        table["mood"] = audformat.Column(scheme_id="emotion")
        table["mood"].set(["Freude", "anger"])
        for change in extra or ():
            change(database)
        for name in FILES:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / name, np.zeros(32_000), 16_000)
        database.save(str(root), storage_format=storage)
    return root


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_a_database(tmp_path, storage):
    root = write(tmp_path / "db", storage=storage)
    corpus = load_corpus("audformat", root)
    assert corpus.utterances == (
        Utterance("wav/a.wav", root / "wav/a.wav", "anger", "3", "a01", sex="male"),
        Utterance("wav/b.wav", root / "wav/b.wav", "happiness", "8", "a02", sex="female"),
    )
    assert [item.reason for item in corpus.left_out] == ["no emotion"]
    info = corpus.info
    assert (info.name, info.title, info.licence, info.language) == (
        "audformat:speech",
        TITLE,
        "CC0-1.0",
        "deu",
    )
    assert load_corpus("audformat", root / "db.yaml").utterances == corpus.utterances


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_a_table_by_its_file(tmp_path, storage):
    root = write(tmp_path, storage=storage)
    corpus = load_corpus("audformat", root / f"db.segments.{storage}")
    assert [(u.id, u.emotion, u.start, u.end, u.speaker, u.sex) for u in corpus] == [
        ("wav/a.wav#0-1", "happiness", None, 1.0, "3", "male"),
        ("wav/a.wav#1-", "anger", 1.0, None, "3", "male"),
    ]
    with pytest.raises(
        CorpusRootError,
        match=r"no emotions in the table 'files'; expected one of them by its file: db\.emotion",
    ):
        load_corpus("audformat", root / f"db.files.{storage}")


def with_speakers_in_parts(database):
    database.drop_tables("files")
    for part, files, speakers in (("train", FILES[:1], [3]), ("test", FILES[1:], [8, 3])):
        table = database[f"speaker.{part}"] = audformat.Table(audformat.filewise_index(files))
        table["speaker"] = audformat.Column(scheme_id="speaker")
        table["speaker"].set(speakers)


def test_speakers_that_stand_in_several_tables(tmp_path):
    corpus = load_corpus("audformat", write(tmp_path, extra=[with_speakers_in_parts]))
    assert [(u.id, u.speaker, u.sex) for u in corpus] == [
        ("wav/a.wav", "3", "male"),
        ("wav/b.wav", "8", "female"),
    ]


def without_emotion(database):
    database.drop_tables("emotion")


def with_another(database):
    table = database["ratings"] = audformat.Table(audformat.filewise_index(FILES[:1]))
    table["emotion"] = audformat.Column(scheme_id="emotion")
    table["emotion"].set(["anger"])


def test_several_tables_and_none(tmp_path):
    one = write(tmp_path / "one", extra=[without_emotion])
    assert [u.emotion for u in load_corpus("audformat", one)] == ["happiness", "anger"]
    two = write(tmp_path / "two", extra=[without_emotion, with_another])
    with pytest.raises(
        CorpusRootError,
        match=r"several tables with emotions; expected one of them by its file: db\.ratings\.csv, db\.segments\.csv",
    ):
        load_corpus("audformat", two)
    none = write(
        tmp_path / "none", extra=[without_emotion, lambda database: database.drop_tables("segments")]
    )
    with pytest.raises(CorpusRootError, match="no table with a column 'emotion'; expected a folder with"):
        load_corpus("audformat", none)


def test_native_labels_are_mapped(tmp_path):
    root = write(
        tmp_path / "db",
        extra=[lambda database: database["emotion"]["emotion"].set(["anger", "Freude", "meh"])],
    )
    with pytest.raises(CorpusError, match=r"wav/c\.wav: unknown emotion 'meh'"):
        load_corpus("audformat", root)
    (tmp_path / "m.toml").write_text("[emotions]\nmeh = false\n")
    corpus = load_corpus("audformat", root, mapping=tmp_path / "m.toml")
    assert [item.reason for item in corpus.left_out] == ["emotion 'meh' is left out by the mapping file"]
    (tmp_path / "m.toml").write_text("speaker = '(.)'\n")
    with pytest.raises(
        ConfigError, match="a database has columns for speakers and sentences; take the patterns out"
    ):
        load_corpus("audformat", root, mapping=tmp_path / "m.toml")


def test_a_table_that_cannot_be_read_is_one_line(tmp_path):
    root = write(tmp_path / "lacking")
    (root / "db.files.csv").unlink()
    with pytest.raises(CorpusRootError, match=r"lacking: not a database that can be read \("):
        load_corpus("audformat", root)
    root = write(tmp_path / "damaged")
    (root / "db.emotion.csv").write_text("nothing")
    with pytest.raises(CorpusRootError, match=r"damaged: not a database that can be read \("):
        load_corpus("audformat", root)


def test_databases_that_are_refused(tmp_path):
    root = write(tmp_path)
    (root / "wav/b.wav").unlink()
    with pytest.raises(CorpusLayoutError, match=r"b\.wav, which is not a file; expected the whole database"):
        load_corpus("audformat", root)
    (root / "db.yaml").write_text("name: [")
    with pytest.raises(CorpusRootError, match=r"db\.yaml: not a header that can be read \("):
        load_corpus("audformat", root)
    (root / "db.yaml").write_text("just text")
    with pytest.raises(CorpusRootError, match=r"db\.yaml: not a header that can be read \("):
        load_corpus("audformat", root)


def test_without_audformat_one_line_names_the_extra(tmp_path, monkeypatch):
    root, real = write(tmp_path), builtins.__import__

    def without(name, *arguments, **options):
        if name == "audformat":
            raise ModuleNotFoundError("No module named 'audformat'", name="audformat")
        return real(name, *arguments, **options)

    monkeypatch.setattr("builtins.__import__", without)
    with pytest.raises(
        MissingExtraError, match=r"needs 'audformat', .*: pip install 'magtfnet\[audformat\]'"
    ):
        load_corpus("audformat", root)
