"""Readers on real copies and on trees made by hand; what the audit says of both."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from magtfnet import ConfigError, CorpusError, LabelError, StorageError, load_corpus
from magtfnet.corpora import Corpus, Utterance
from magtfnet.corpora.audit import audit
from magtfnet.corpora.base import LeftOut
from magtfnet.corpora.layouts import Spoken
from magtfnet.corpora.mapping import LabelMapping, load_mapping
from magtfnet.corpora.synthetic import PROSODY, synthesize, write_corpus


def recording(path, seconds=0.1, rate=16_000, channels=1, level=0.1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = level * np.random.default_rng(seed).normal(size=(int(seconds * rate), channels))
    soundfile.write(path, samples, rate)
    return path


def test_emodb(emodb_root):
    corpus = load_corpus("emodb", emodb_root)
    assert corpus.counts() == corpus.info.classes
    assert corpus.speakers() == ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    assert len({u.sentence for u in corpus}) == 10
    one = corpus["03a01Fa"]
    assert (one.emotion, one.speaker, one.sentence, one.sex) == ("happiness", "03", "a01", "male")
    assert load_corpus("emodb", emodb_root / "wav").utterances == corpus.utterances
    with pytest.raises(KeyError):
        corpus["nobody"]


def test_ravdess(ravdess_root):
    corpus = load_corpus("ravdess", ravdess_root)
    assert corpus.counts() == corpus.info.classes
    assert len(corpus.speakers()) == 24
    one = corpus["03-01-06-01-02-01-12"]
    assert (one.emotion, one.speaker, one.sentence, one.sex) == ("fear", "12", "02", "female")


def test_audit_of_emodb(emodb_root):
    found = audit(load_corpus("emodb", emodb_root))
    assert found.is_original
    assert found.usable
    assert sum(found.durations()) == pytest.approx(1487.09, abs=0.01)


def test_audit_of_ravdess(ravdess_root):
    found = audit(load_corpus("ravdess", ravdess_root))
    assert not found.is_original  # this copy is resampled
    kinds = [finding.kind for finding in found.findings]
    assert kinds.count("duplicates") == 1
    assert "sample_rate" in kinds
    assert "duration" not in kinds
    (pair,) = [finding for finding in found.findings if finding.kind == "duplicates"]
    assert all(id_.endswith("-07") for id_ in pair.utterances)


def test_ravdess_archive_folder_and_song(tmp_path):
    root = tmp_path / "Audio_Speech_Actors_01-24"
    recording(root / "Actor_01" / "03-01-05-01-01-01-01.wav")
    recording(root / "Actor_01" / "03-01-04-01-01-01-01.wav")
    recording(root / "Actor_01" / "03-02-05-01-01-01-01.wav")
    corpus = load_corpus("ravdess", tmp_path, allow_incomplete=True)
    assert [u.emotion for u in corpus] == ["sadness", "anger"]
    assert [item.reason for item in corpus.left_out] == ["not audio-only speech"]


def test_folder_reads_any_depth_and_counts_the_rest(tmp_path):
    recording(tmp_path / "Angry" / "deep" / "1.wav")
    recording(tmp_path / "sad" / "1.flac")
    (tmp_path / "sad" / "notes.txt").touch()
    (tmp_path / "README").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "sad" / ".DS_Store").touch()
    (tmp_path / "empty").mkdir()
    corpus = load_corpus("folder", tmp_path)
    assert [(u.id, u.emotion, u.speaker) for u in corpus] == [
        ("Angry/deep/1.wav", "anger", None),
        ("sad/1.flac", "sadness", None),
    ]
    assert sorted(item.path.name for item in corpus.left_out) == ["README", "notes.txt"]
    assert corpus.describe() == (
        "2 utterances of folder, 2 left out (not in a folder of an emotion: 1; not a recording by its suffix: 1)"
    )
    assert corpus.summary.endswith("(2 utterances, 2 left out, yours)")


def test_what_is_left_out_for_many_reasons_is_told_in_a_line(tmp_path):
    recording(tmp_path / "sad" / "1.wav")
    recording(tmp_path / "angry" / "1.wav")
    found = load_corpus("folder", tmp_path)
    reasons = [LeftOut(tmp_path / f"{n}{k}", f"reason {n}") for n in range(1, 6) for k in range(n)]
    corpus = Corpus(found.info, tmp_path, found.utterances, found.labels, tuple(reasons))
    told = ", 15 left out (reason 5: 5; reason 4: 4; reason 3: 3; others: 3)"
    assert corpus.describe().endswith(told)


def test_an_emotion_without_recordings_is_no_class_that_is_forgotten(tmp_path):
    for name in ("angry/1.wav", "sad/1.wav"):
        recording(tmp_path / name)
    for name in ("happy/1.m4a", "scripts/convert.sh"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(
        CorpusError,
        match=r"happy: no recording in it \(1\.m4a first\); expected recordings of this emotion as \.aif, .*ffmpeg",
    ):
        load_corpus("folder", tmp_path)
    assert len(load_corpus("folder", tmp_path, leave_out_foreign=True)) == 2, "the audit tells, and goes on"


def test_folder_says_of_links_what_it_does_not_follow(tmp_path):
    recording(tmp_path / "c" / "sad" / "1.wav")
    recording(tmp_path / "elsewhere" / "2.wav")
    (tmp_path / "c" / "sad" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "c" / "sad" / "gone.wav").symlink_to(tmp_path / "nothing.wav")
    (tmp_path / "c" / "happy").symlink_to(tmp_path / "elsewhere")
    corpus = load_corpus("folder", tmp_path / "c")
    assert [u.id for u in corpus] == ["happy/2.wav", "sad/1.wav"]
    told = {item.path.name: item.reason for item in corpus.left_out}
    assert told == {"linked": "a link to a folder", "gone.wav": "a link to nothing"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_what_is_no_file_is_no_recording(tmp_path):
    recording(tmp_path / "sad" / "1.wav")
    recording(tmp_path / "angry" / "1.wav")
    os.mkfifo(tmp_path / "sad" / "2.wav")
    corpus = load_corpus("folder", tmp_path)
    assert [(item.path.name, item.reason) for item in corpus.left_out] == [("2.wav", "not a regular file")]


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    for name in ("sad/1.wav", "sad/deep/2.wav", "angry/1.wav"):
        recording(tmp_path / name)
    listed = Path.iterdir

    def iterdir(path):
        if path.name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(StorageError, match="deep: Permission denied; check the permissions"):
        load_corpus("folder", tmp_path)


def test_folder_with_speakers_in_names(tmp_path):
    for name in ("angry/p01_s1.wav", "sad/p02_s2.wav"):
        recording(tmp_path / "c" / name)
    (tmp_path / "m.toml").write_text("speaker = '^(p..)'\nsentence = '_(s.)'\n")
    corpus = load_corpus("folder", tmp_path / "c", mapping=tmp_path / "m.toml")
    assert [(u.speaker, u.sentence) for u in corpus] == [("p01", "s1"), ("p02", "s2")]
    recording(tmp_path / "c" / "sad" / "xx.wav")
    with pytest.raises(
        CorpusError, match=r"xx\.wav: no speaker in its name; expected a name that the pattern \^\(p"
    ):
        load_corpus("folder", tmp_path / "c", mapping=tmp_path / "m.toml")


def test_the_same_letters_are_the_same_however_they_are_coded(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Ärger/Jörg.wav") for form in ("NFC", "NFD"))
    assert composed != apart
    for folder, name in (("c", composed), ("d", apart)):
        recording(tmp_path / folder / name)
        recording(tmp_path / folder / "sad" / "Ann.wav")
        joerg = unicodedata.normalize("NFC", "Jörg")
        for form in ("NFC", "NFD"):
            (tmp_path / "m.toml").write_text(f"speaker = '^({unicodedata.normalize(form, joerg)}|Ann)'\n")
            corpus = load_corpus("folder", tmp_path / folder, mapping=tmp_path / "m.toml")
            assert {(u.emotion, u.speaker) for u in corpus} == {("sadness", "Ann"), ("anger", joerg)}
    rows = "".join(f"c/sad/Ann.wav,{'sad' if i else 'anger'},{unicodedata.normalize(form, 'Jörg')},{i},{i + 0.1}\n"
                   for i, form in enumerate(("NFC", "NFD")))  # fmt: skip
    (tmp_path / "t.csv").write_text("path,emotion,speaker,start,end\n" + rows)
    assert len(load_corpus("table", tmp_path / "t.csv").speakers()) == 1
    (tmp_path / "m.toml").write_text(
        f'[emotions]\n{json.dumps(unicodedata.normalize("NFC", "Müde"))} = "boredom"\n'
    )
    recording(tmp_path / "e" / unicodedata.normalize("NFD", "Müde") / "a.wav")
    recording(tmp_path / "e" / "sad" / "b.wav")
    found = load_corpus("folder", tmp_path / "e", mapping=tmp_path / "m.toml")
    assert sorted(u.emotion for u in found) == ["boredom", "sadness"]
    of_python = LabelMapping({unicodedata.normalize("NFD", "Müde"): "boredom"})
    assert [u.emotion for u in load_corpus("folder", tmp_path / "e", mapping=of_python)] == [
        u.emotion for u in found
    ]
    targets = [unicodedata.normalize(form, "müde") for form in ("NFC", "NFD")]
    (tmp_path / "m.toml").write_text(
        f'[emotions]\n{json.dumps(unicodedata.normalize("NFC", "Müde"))} = "{targets[0]}"\nsad = "{targets[1]}"\n'
    )
    assert load_mapping(tmp_path / "m.toml").targets(["Müde", "sad"]) == {targets[0]}


def test_an_empty_name_is_nobodys(tmp_path):
    for name in ("angry/ann1.wav", "sad/12.wav"):
        recording(tmp_path / "c" / name)
    (tmp_path / "m.toml").write_text("speaker = '^([a-z]*)'\n")
    corpus = load_corpus("folder", tmp_path / "c", mapping=tmp_path / "m.toml")
    assert [utterance.speaker for utterance in corpus] == ["ann", None]


def test_a_misspelt_line_of_a_mapping_file_is_refused(tmp_path):
    for name in ("joy/a.wav", "sad/b.wav"):
        recording(tmp_path / "c" / name)
    (tmp_path / "m.toml").write_text('[emotions]\nJOY = "anger"\n')
    with pytest.raises(LabelError, match="no label 'JOY' in the corpus; did you mean 'joy'"):
        load_corpus("folder", tmp_path / "c", mapping=tmp_path / "m.toml")


@pytest.fixture
def table(tmp_path):
    for name in ("a.wav", "b.wav"):
        recording(tmp_path / "audio" / name, seconds=1)

    def write(text, name="t.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_table_with_everything(table):
    rows = "path,emotion,speaker,sentence,session,sex,start,end,id\naudio/a.wav,angry,01,s1,S1,female,0.1,0.5,x\n"
    corpus = load_corpus("table", table(rows + "audio/a.wav,sad,02,,,,0.5,,\naudio/b.wav,sad,,,,,,,\n"))
    first, second, third = corpus
    assert first == Utterance("x", first.path, "anger", "01", "s1", "S1", "female", 0.1, 0.5)
    assert (second.id, second.speaker, second.sentence, second.end) == ("audio/a.wav#0.5-", "02", None, None)
    assert (third.id, third.speaker, third.start) == ("audio/b.wav", None, None)


def test_table_with_blanks_behind_commas(table):
    first, second = load_corpus(
        "table", table("path, emotion, speaker\naudio/a.wav, angry, 01\naudio/b.wav, sad, 02\n")
    )
    assert (first.emotion, first.speaker, second.emotion, second.speaker) == ("anger", "01", "sadness", "02")


def test_what_others_write_for_nothing_is_no_speaker(table):
    """R writes NA; of all who are not known it would make one person."""
    text = 'path,emotion,speaker,sex,end\n"audio/a.wav","angry","01","female",0.5\n"audio/b.wav","sad",NA,nan,NA\n'
    first, second = load_corpus("table", table(text))
    assert (first.speaker, first.sex, first.end) == ("01", "female", 0.5)
    assert (second.speaker, second.sex, second.end) == (None, None, None)


def test_table_with_a_comma_too_many_and_patterns(table, tmp_path):
    file = table("path,emotion\naudio/a.wav,sad,\naudio/b.wav,angry,\n")
    with pytest.raises(CorpusError, match=r"not a table that can be read .*does not match length of data"):
        load_corpus("table", file)
    table("path,emotion\naudio/a.wav,sad\n")
    (tmp_path / "m.toml").write_text("speaker = '(.)'\n")
    with pytest.raises(
        ConfigError, match="a table has columns for speakers and sentences; take the patterns out"
    ):
        load_corpus("table", tmp_path / "t.csv", mapping=tmp_path / "m.toml")


def test_table_in_parquet(table, tmp_path):
    import pandas as pd

    frame = pd.DataFrame(
        {"path": ["audio/a.wav", "audio/b.wav"], "emotion": ["angry", "sad"], "start": [0.25, None]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    corpus = load_corpus("table", tmp_path / "t.parquet")
    assert [u.start for u in corpus] == [0.25, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,emotion\naudio/a.wav,sad\n",
            "no column 'path' among file, emotion; expected a CSV file in UTF-8",
        ),
        ("path,emotion\naudio/a.wav,\n", "row 1 has no emotion; expected a value in every row"),
        ("path,emotion\naudio/x.wav,sad\n", r"row 1 names .*x\.wav, which is not a file"),
        ("path,emotion\naudio/a.wav,meh\n", r"t\.csv, row 1: unknown emotion 'meh'"),
        (
            "path,emotion,start\naudio/a.wav,sad,soon\n",
            "row 1 has start = 'soon'; expected seconds, 0 or more",
        ),
        (
            "path;emotion\naudio/a.wav;sad\n",
            "no column 'path' among path;emotion; expected .*, separated by commas",
        ),
        (
            "path,emotion,start,end\naudio/a.wav,sad,0.5,0.2\n",
            "row 1 ends at 0.2 s and starts at 0.5 s; expected end",
        ),
        ("path,emotion,end\naudio/a.wav,sad,-1\n", "row 1 has end = '-1'; expected seconds, 0 or more"),
        (
            "path,emotion\naudio/a.wav,sad\naudio/a.wav,angry\n",
            r"id 'audio/a\.wav' is also that of another row",
        ),
        ("", "not a table that can be read"),
        ("path,emotion\n", "no utterance of table"),
        (
            "path,emotion\naudio\\a.wav,sad\n",
            "not a file; expected the path of a recording, with / between folders",
        ),
        (
            "path,emotion,Start,End\naudio/a.wav,sad,0,0.2\n",
            "a column 'Start', which would be passed over; expected 'start' once and so spelt",
        ),
        (
            "path,emotion,emotion\naudio/a.wav,sad,angry\n",
            r"a column 'emotion\.1', which would be passed over",
        ),
        ("path,emotion,speaker \naudio/a.wav,sad,7\n", "a column 'speaker ', which would be passed over"),
    ],
)
def test_tables_that_are_refused(table, text, message):
    with pytest.raises(CorpusError, match=message):
        load_corpus("table", table(text))


def test_a_table_in_another_encoding_is_told_which(table, tmp_path):
    (tmp_path / "t.csv").write_bytes("path,emotion\n语音/a.wav,生气\n".encode("gbk"))
    with pytest.raises(
        CorpusError, match=r"not a table that can be read \(not in UTF-8\); expected a CSV file in UTF-8"
    ):
        load_corpus("table", tmp_path / "t.csv")


def test_a_folder_is_no_table(tmp_path, table):
    with pytest.raises(CorpusError, match="for one folder per emotion use the corpus 'folder'"):
        load_corpus("table", tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    with pytest.raises(CorpusError, match="not a table that can be read"):
        load_corpus("table", tmp_path / "t.parquet")


def test_a_mapping_leaves_out_and_counts(tmp_path, table):
    (tmp_path / "m.toml").write_text("[emotions]\nmeh = false\nfoo = 'stress'\n")
    file = table("path,emotion\naudio/a.wav,meh\naudio/b.wav,foo\naudio/../audio/a.wav,sad\n")
    corpus = load_corpus("table", file, mapping=tmp_path / "m.toml")
    assert [u.emotion for u in corpus] == ["stress", "sadness"]
    assert [item.reason for item in corpus.left_out] == ["emotion 'meh' is left out by the mapping file"]


def test_a_mapping_merges_and_leaves_out_emotions_of_a_published_corpus(tmp_path):
    emotions = ("anger", "boredom", "happiness", "sadness")
    write_corpus(tmp_path / "e", "emodb", speakers=2, sentences=1, emotions=emotions, takes=1)
    (tmp_path / "m.toml").write_text("[emotions]\nboredom = 'sadness'\nhappiness = false\n")
    corpus = load_corpus("emodb", tmp_path / "e", mapping=tmp_path / "m.toml", allow_incomplete=True)
    assert corpus.counts() == {"anger": 2, "sadness": 4}
    assert [item.reason for item in corpus.left_out] == [
        "emotion 'happiness' is left out by the mapping file"
    ] * 2
    (tmp_path / "m.toml").write_text("speaker = '(.)'\n")
    with pytest.raises(
        ConfigError, match="corpus 'emodb' knows its speakers and sentences; take the patterns out"
    ):
        load_corpus("emodb", tmp_path / "e", mapping=tmp_path / "m.toml")


def test_audit_finds_what_is_wrong(tmp_path):
    recording(tmp_path / "anger" / "fine.wav", seed=1)
    recording(tmp_path / "anger" / "copy.wav", seed=2)
    recording(tmp_path / "sadness" / "copy.wav", seed=2)
    recording(tmp_path / "sadness" / "silent.wav", level=1e-4)
    recording(tmp_path / "sadness" / "loud.wav", level=30.0, seed=3)
    recording(tmp_path / "sadness" / "other.wav", rate=8_000, channels=2, seed=4)
    (tmp_path / "sadness" / "broken.wav").write_bytes(b"nonsense")
    (tmp_path / "sadness" / "readme.txt").touch()
    found = audit(load_corpus("folder", tmp_path))
    by_kind = {finding.kind: finding for finding in found.findings}
    assert set(by_kind) == {"duplicates", "silent", "clipped", "broken", "left_out"}
    assert by_kind["duplicates"].utterances == ("anger/copy.wav", "sadness/copy.wav")
    assert "under 2 emotions: anger, sadness" in by_kind["duplicates"].message
    assert by_kind["silent"].utterances == ("sadness/silent.wav",)
    assert by_kind["clipped"].utterances == ("sadness/loud.wav",)
    assert by_kind["broken"].utterances == ("sadness/broken.wav",)
    assert not found.usable
    values = found.to_dict()
    assert values["sample_rates"] == {"16000": 5, "8000": 1}
    assert values["channels"] == {"1": 5, "2": 1}
    assert values["speaker_counts"] == {"not known": 7}


def test_a_published_corpus_that_was_cut_to_one_length_is_another(tmp_path):
    for name in ("1001_IEO_ANG_LO.wav", "1002_DFA_SAD_XX.wav", "1003_DFA_NEU_XX.wav"):
        recording(tmp_path / "AudioWAV" / name, seconds=2, seed=int(name[:4]))
        recording(tmp_path / "own" / name[9:12] / name, seconds=2, seed=int(name[:4]))
    corpus = load_corpus("crema_d", tmp_path / "AudioWAV", allow_incomplete=True)
    kinds = {finding.kind: finding.message for finding in audit(corpus).findings}
    assert "every recording lasts 2.000 s: cut or padded to one length" in kinds["cut"]
    assert "cut" not in {finding.kind for finding in audit(load_corpus("folder", tmp_path / "own")).findings}


def test_three_loud_samples_apart_are_not_clipped(tmp_path):
    samples = np.zeros(1_600)
    samples[[100, 300, 500]] = 1.0
    soundfile.write(tmp_path / "x.wav", samples, 16_000)
    from magtfnet.corpora.audit import _measure

    assert not _measure(Utterance("x", tmp_path / "x.wav", "anger")).clipped
    samples[300:303] = 1.0
    soundfile.write(tmp_path / "x.wav", samples, 16_000)
    assert _measure(Utterance("x", tmp_path / "x.wav", "anger")).clipped


def test_synthesis_repeats_and_differs_by_everything():
    one = Spoken(0, 0, "anger", 0)
    np.testing.assert_array_equal(synthesize(one), synthesize(one))
    for other in (
        Spoken(1, 0, "anger", 0),
        Spoken(0, 1, "anger", 0),
        Spoken(0, 0, "sadness", 0),
        Spoken(0, 0, "anger", 1),
    ):
        assert len(synthesize(other)) != len(synthesize(one)) or not np.array_equal(
            synthesize(other), synthesize(one)
        )
    assert not np.array_equal(synthesize(one, seed=1)[:500], synthesize(one)[:500])


@pytest.mark.parametrize("emotion", sorted(PROSODY))
def test_synthesis_is_sound(emotion):
    samples = synthesize(Spoken(0, 0, emotion, 0))
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 0.98
    assert 0.4 < len(samples) / 16_000 < 3


def test_prosody_is_heard_in_level_and_length():
    """Anger is louder, sadness slower: by the order of the prosody table."""

    def measured(emotion):
        said = [synthesize(Spoken(s, t, emotion, 0)) for s in range(3) for t in range(3)]
        return np.mean([np.sqrt(np.mean(x**2)) for x in said]), np.mean([len(x) for x in said])

    (loud, fast), (middle, even), (soft, slow) = (measured(e) for e in ("anger", "neutral", "sadness"))
    assert loud > 1.5 * middle > 2 * soft
    assert fast < even < slow


def test_a_layout_that_nobody_knows(tmp_path):
    from magtfnet import UnknownNameError

    with pytest.raises(UnknownNameError, match="unknown layout 'nope', expected one of audformat"):
        write_corpus(tmp_path, "nope")
