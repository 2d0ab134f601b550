"""What every registered corpus must do, on synthetic trees in its layout."""

import json
import pickle

import pytest

from magtfnet import CorpusError, load_corpus
from magtfnet.corpora import CORPORA
from magtfnet.corpora.layouts import LAYOUTS, TABLE, Spoken
from magtfnet.corpora.synthetic import write_corpus

EMOTIONS = ("anger", "neutral", "sadness")
SPEAKERS_NOT_KNOWN = {"folder"}
SENTENCES_NOT_KNOWN = {"folder", "iemocap", "meld", "savee"}
SEXES = {"folder": {None}, "meld": {None}, "savee": {"male"}, "tess": {"female"}}


def sizes(name):
    layout = LAYOUTS[name]
    return {"speakers": min(3, layout.speakers), "sentences": 2, "takes": min(2, layout.takes)}


@pytest.fixture(scope="module", params=list(CORPORA))
def tree(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    written = write_corpus(root, request.param, emotions=EMOTIONS, **sizes(request.param))
    return request.param, (root / TABLE if request.param == "table" else root), written


def test_has_a_synthetic_layout():
    assert set(LAYOUTS) == set(CORPORA)


def test_reads_back_exactly_what_was_written(tree):
    name, root, written = tree
    corpus = load_corpus(name, root, allow_incomplete=True)
    assert sorted(u.path for u in corpus) == sorted(written)
    size = sizes(name)
    each = size["speakers"] * size["sentences"] * size["takes"]
    assert corpus.counts() == dict.fromkeys(EMOTIONS, each)
    assert corpus.labels.classes == EMOTIONS
    by_path = {u.path: u for u in corpus}
    said = [
        Spoken(s, t, e, k)
        for s in range(size["speakers"])
        for t in range(2)
        for e in EMOTIONS
        for k in range(size["takes"])
    ]
    speakers, sentences = {}, {}
    for spoken, path in zip(said, written, strict=True):
        read = by_path[path]
        assert read.emotion == spoken.emotion
        speakers.setdefault(spoken.speaker, set()).add(read.speaker)
        sentences.setdefault(spoken.sentence, set()).add(read.sentence)
    expected = 1 if name in SPEAKERS_NOT_KNOWN else size["speakers"]
    assert len(set.union(*speakers.values())) == expected
    assert all(len(found) == 1 for found in speakers.values())
    expected = 1 if name in SENTENCES_NOT_KNOWN else 2
    assert len(set.union(*sentences.values())) == expected
    assert all(len(found) == 1 for found in sentences.values())
    assert {u.sex for u in corpus} == SEXES.get(name, {"female", "male"})


def test_travels_between_processes_and_into_json(tree, cli):
    name, root, _ = tree
    corpus = load_corpus(name, root, allow_incomplete=True)
    assert pickle.loads(pickle.dumps(corpus)) == corpus
    listed = {info["name"]: info for info in json.loads(cli("corpora", "--json").out)}
    assert listed[name]["licence"] == CORPORA[name].info.licence


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
        CorpusError, match=rf"incomplete, \d+ utterances instead of {CORPORA[name].info.utterances}"
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


STRAYS = {
    "casia": "wangzhe/angry/song.wav",
    "crema_d": "AudioWAV/song.wav",
    "emodb": "wav/song.wav",
    "emovo": "EMOVO/m1/song.wav",
    "esd": "0004/Angry/song.wav",
    "iemocap": "Session1/sentences/wav/Ses01F_impro01/song.wav",
    "jl_corpus": "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/song.wav",
    "nemo": "samples/song.wav",
    "ravdess": "Actor_01/song.wav",
    "savee": "AudioData/DC/song.wav",
    "synthetic": "song.wav",
    "tess": "OAF_angry/song.wav",
}
"""Where a recording does not belong; those that are not here take any name, or only names that a table has."""


@pytest.mark.parametrize("name", STRAYS)
def test_a_stray_recording_is_named_and_an_audit_leaves_it_out(name, tmp_path):
    write_corpus(tmp_path, name, speakers=1, sentences=1, takes=1)
    (tmp_path / STRAYS[name]).touch()
    with pytest.raises(CorpusError, match=r"song\.wav: (not a name of|no row in)"):
        load_corpus(name, tmp_path, allow_incomplete=True)
    corpus = load_corpus(name, tmp_path, allow_incomplete=True, leave_out_foreign=True)
    assert len(corpus) == 4
    assert [item.path for item in corpus.left_out] == [tmp_path / STRAYS[name]]


@pytest.mark.parametrize("name", STRAYS)
def test_other_files_are_no_matter(name, tmp_path):
    write_corpus(tmp_path, name, speakers=1, sentences=1, takes=1)
    for stray in ("readme.txt", "说明.txt", ".DS_Store"):
        (tmp_path / STRAYS[name]).with_name(stray).touch()
    (tmp_path / "文本.txt").touch()
    assert len(load_corpus(name, tmp_path, allow_incomplete=True)) == 4


def test_every_corpus_says_licence_language_and_source():
    for name in CORPORA:
        info = CORPORA[name].info
        assert info.licence
        assert info.source
        if info.utterances is not None:
            assert info.language
            assert info.citation
            assert sum(info.classes.values()) == info.utterances
            assert bool(info.downloads) != bool(info.request)


def test_every_part_is_known_as_far_as_its_counts_go():
    for name in CORPORA:
        info = CORPORA[name].info
        for part in info.parts.values():
            assert part.title
            assert set(part.classes) <= set(info.classes)
            assert part.utterances in (None, sum(part.classes.values()))
