"""What every registered corpus must do, on synthetic trees in its layout."""

from pathlib import Path

import pytest

from magtfnet import CorpusError, load_corpus
from magtfnet.corpora import CORPORA
from magtfnet.corpora.synthetic import LAYOUTS, TABLE, Spoken, write_corpus

SIZES = {"speakers": 3, "sentences": 2, "emotions": ("anger", "neutral", "sadness"), "takes": 2}


@pytest.fixture(scope="module", params=list(CORPORA))
def tree(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    written = write_corpus(root, request.param, **SIZES)
    return request.param, (root / TABLE if request.param == "table" else root), written


def test_has_a_synthetic_layout():
    assert set(LAYOUTS) == set(CORPORA)


def test_reads_back_exactly_what_was_written(tree):
    name, root, written = tree
    corpus = load_corpus(name, root, allow_incomplete=True)
    assert sorted(u.path for u in corpus) == sorted(written)
    assert corpus.counts() == {"anger": 12, "neutral": 12, "sadness": 12}
    assert corpus.labels.classes == ("anger", "neutral", "sadness")
    by_path = {u.path: u for u in corpus}
    said = [
        Spoken(s, t, e, k) for s in range(3) for t in range(2) for e in SIZES["emotions"] for k in range(2)
    ]
    for spoken, path in zip(said, written, strict=True):
        assert by_path[path].emotion == spoken.emotion
    if name != "folder":
        assert len(corpus.speakers()) == 3
        assert len({u.sentence for u in corpus}) == 2
        assert {u.sex for u in corpus} == {"female", "male"}


def test_ids_are_unique_and_the_order_repeats(tree):
    name, root, _ = tree
    ids = [u.id for u in load_corpus(name, root, allow_incomplete=True)]
    assert len(set(ids)) == len(ids)
    assert ids == [u.id for u in load_corpus(name, root, allow_incomplete=True)]


def test_opens_no_audio(tree, monkeypatch):
    name, root, _ = tree
    monkeypatch.setattr("magtfnet.audio.io.read_bytes", lambda path: pytest.fail("a reader opened audio"))
    monkeypatch.setattr("soundfile.SoundFile", lambda *a, **k: pytest.fail("a reader opened audio"))
    assert load_corpus(name, root, allow_incomplete=True)


def test_an_incomplete_copy_is_refused(tree):
    name, root, _ = tree
    if CORPORA[name].info.utterances is None:
        assert load_corpus(name, root)
        return
    with pytest.raises(
        CorpusError, match=rf"incomplete, 36 utterances instead of {CORPORA[name].info.utterances}"
    ):
        load_corpus(name, root)


def test_a_wrong_root_is_named(tree, tmp_path):
    name = tree[0]
    with pytest.raises(CorpusError, match=r"no such file or folder; expected the root of"):
        load_corpus(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", [n for n in CORPORA if n != "table"])
def test_an_empty_root_and_a_file_are_named(name, tmp_path):
    with pytest.raises(CorpusError, match=f"no utterance of {name}"):
        load_corpus(name, tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CorpusError, match="a file, not a folder"):
        load_corpus(name, file)


@pytest.mark.parametrize(
    ("name", "stray"), [("emodb", "wav/song.wav"), ("ravdess", "Actor_01/x.wav"), ("synthetic", "x.wav")]
)
def test_a_stray_recording_is_named(name, stray, tmp_path):
    write_corpus(tmp_path, name, speakers=1, sentences=1, takes=1)
    Path(tmp_path / stray).touch()
    with pytest.raises(CorpusError, match="not a name of"):
        load_corpus(name, tmp_path, allow_incomplete=True)


def test_every_corpus_says_licence_language_and_source():
    for name in CORPORA:
        info = CORPORA[name].info
        assert info.licence
        assert info.source
        if info.utterances is not None:
            assert info.language
            assert info.citation
            assert sum(info.classes.values()) == info.utterances
