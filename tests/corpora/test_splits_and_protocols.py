"""A split refuses to exist when anything leaks; a protocol says what it needs."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from magtfnet import (
    ConfigError,
    LeakError,
    Split,
    SplitError,
    StorageError,
    UnknownNameError,
    load_corpus,
    protocols,
)
from magtfnet.config import ProtocolConfig
from magtfnet.corpora import Corpus, CorpusInfo, Utterance
from magtfnet.corpora.fold_files import read_folds
from magtfnet.corpora.protocols import make_splits
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.labels import LabelSet


def said(id_, emotion="anger", **known):
    return Utterance(id=id_, path=f"/nowhere/{id_}.wav", emotion=emotion, **known)


def corpus_of(utterances):
    info = CorpusInfo(name="made", title="made", licence="none", source="nowhere")
    return Corpus(
        info, "/nowhere", tuple(utterances), LabelSet.of(["anger", "fear", *(u.emotion for u in utterances)])
    )


def many(speakers=4, sentences=4, **changes):
    return [
        replace(said(f"{s}{t}{e}", e, speaker=f"s{s}", sentence=f"t{t}"), **changes)
        for s in range(speakers)
        for t in range(sentences)
        for e in ("anger", "fear")
    ]


def test_an_utterance_on_two_sides_is_refused():
    a, b, c = said("a"), said("b"), said("c")
    with pytest.raises(SplitError, match="one training utterance is too few; use fewer folds"):
        Split("mine", 0, (a,), (b,), (c,), duplicates={})
    with pytest.raises(
        LeakError, match="utterance 'a' stands in both train and test; a split must keep every"
    ):
        Split("mine", 0, (a,), (b,), (a, c), duplicates={})


def test_equal_recordings_on_two_sides_are_refused():
    a, b, c = said("a"), said("b"), said("c")
    with pytest.raises(LeakError, match="recording 'same' stands in both train and validation"):
        Split("mine", 0, (a,), (b,), (c,), duplicates={"a": "same", "b": "same"})


def test_recordings_are_compared_where_nobody_did(tmp_path):
    paths = [tmp_path / name for name in ("a.wav", "b.flac", "c.wav")]
    tone, other = ((9_000 * np.sin(np.arange(4_000) / step)).astype(np.int16) for step in (7, 9))
    for path, samples in zip(paths, (tone, tone, other), strict=True):
        soundfile.write(path, samples, 16_000)
    a, b, c = (Utterance(path.name, path, "anger") for path in paths)
    with pytest.raises(LeakError, match=r"recording 'a\.wav' stands in both train and test"):
        Split("mine", 0, (a,), (c,), (b,))


def test_one_file_under_two_ids_is_refused():
    a, b = said("a"), said("b")
    with pytest.raises(
        LeakError, match=r"recording '/nowhere/a\.wav None None' stands in both train and test"
    ):
        Split("mine", 0, (a,), (b,), (replace(a, id="other name"),), duplicates={})


@pytest.mark.parametrize("key", ["speaker", "sentence", "session"])
def test_whoever_must_be_apart_is_refused_on_two_sides(key):
    a, b, c = said("a", **{key: "x"}), said("b", **{key: "y"}), said("c", **{key: "x"})
    with pytest.raises(LeakError, match=f"{key} 'x' stands in both train and test"):
        Split("mine", 0, (a,), (b,), (c,), disjoint_by=(key,), duplicates={})
    with pytest.raises(
        SplitError, match=f"mine needs the {key} of every utterance, and 'd' has none; give it"
    ):
        Split("mine", 0, (a,), (b,), (said("d"),), disjoint_by=(key,), duplicates={})


def test_empty_parts_and_unlearnt_classes_are_refused():
    a, b, c = said("a"), said("b"), said("c", "fear")
    with pytest.raises(SplitError, match="the validation part is empty; use fewer folds"):
        Split("mine", 0, (a,), (), (b,), duplicates={})
    with pytest.raises(
        SplitError, match="class 'fear' is in the test part but has no training utterance; leave it out"
    ):
        Split("mine", 0, (a,), (b,), (c,), duplicates={})


def test_a_table_that_is_no_split_is_refused(tmp_path):
    corpus = corpus_of(many())
    split = protocols.speaker_dependent_k_fold(corpus, folds=3, duplicates={})[0]
    file = tmp_path / "split.csv"
    with pytest.raises(StorageError, match="No such file"):
        Split.load(file, corpus, duplicates={})
    file.write_text("a,b\n1,2\n")
    with pytest.raises(SplitError, match="not a split; expected a CSV with the columns id, part"):
        Split.load(file, corpus, duplicates={})
    split.save(file)
    with pytest.raises(SplitError, match="is not in made at /nowhere; use its copy"):
        Split.load(file, corpus_of(many(speakers=2)), duplicates={})
    file.write_text(file.read_text().replace(",0,", ",zero,", 1))
    with pytest.raises(SplitError, match="not a split"):
        Split.load(file, corpus, duplicates={})
    split.save(file)
    file.write_text(file.read_text().replace(",train,", ",tarin,", 1))
    with pytest.raises(SplitError, match="unknown part 'tarin', expected one of train, validation, test"):
        Split.load(file, corpus, duplicates={})


def test_a_leak_that_was_written_into_a_table_is_refused(tmp_path):
    corpus = corpus_of(many())
    split = protocols.leave_one_speaker_out(corpus, duplicates={})[0]
    file = tmp_path / "split.csv"
    split.save(file)
    lines = file.read_text().splitlines()
    moved = next(i for i, line in enumerate(lines) if ",train," in line)
    lines[moved] = lines[moved].replace(",train,", ",test,")
    file.write_text("\n".join(lines))
    with pytest.raises(LeakError, match=r"speaker 's[0-9]' stands in both train and test"):
        Split.load(file, corpus, duplicates={})


@pytest.mark.parametrize(
    ("name", "utterances", "options", "message"),
    [
        (
            "leave_one_speaker_out",
            many(speakers=1),
            {},
            "needs at least 3 speakers .*, found 1; choose another",
        ),
        (
            "leave_one_speaker_out",
            many(speaker=None),
            {},
            "needs the speaker of every utterance, and '00anger' has none",
        ),
        (
            "speaker_independent_k_fold",
            many(speakers=1),
            {},
            "with 5 folds needs at least 5 speakers, found 1; use fewer",
        ),
        ("speaker_independent_k_fold", many(speakers=2), {"folds": 2}, "needs at least 4 speakers, found 2"),
        ("speaker_dependent_k_fold", many(), {"folds": 1}, "with 1 folds has nothing to train on"),
        ("leave_one_session_out", many(), {}, "needs the session of every utterance"),
        (
            "sentence_independent_k_fold",
            many(sentences=2),
            {"folds": 2},
            "needs at least 4 sentences, found 2",
        ),
        ("speaker_and_sentence_independent", many(), {"folds": 2}, "needs at least 3 speakers and 3 folds"),
        (
            "speaker_and_sentence_independent",
            many(sentences=2),
            {"folds": 3},
            "needs at least 3 sentences .* found 2",
        ),
        (
            "speaker_dependent_8_1_1",
            [*many(), said("x", "disgust"), said("y", "disgust")],
            {},
            "class 'disgust' has 2 utterances and speaker_dependent_8_1_1 needs at least 3; use fewer folds or another",
        ),
        (
            "speaker_dependent_k_fold",
            [*many(), said("x", "disgust")],
            {},
            "class 'disgust' has 1 utterances .* at least 5",
        ),
        (
            "speaker_dependent_k_fold",
            many(),
            {"validation_share": 0.9},
            "leaves nothing to train on; make it smaller",
        ),
    ],
)
def test_what_a_protocol_needs_is_said(name, utterances, options, message):
    with pytest.raises(SplitError, match=message):
        getattr(protocols, name)(corpus_of(utterances), duplicates={}, **options)


def test_a_class_of_one_speaker_cannot_be_left_out():
    utterances = [*many(), *(said(f"d{i}", "disgust", speaker="s0", sentence=f"t{i}") for i in range(4))]
    with pytest.raises(SplitError, match=r"class 'disgust' is in the .* part but has no training utterance"):
        protocols.leave_one_speaker_out(corpus_of(utterances), duplicates={})


def test_two_speakers_with_one_recording_are_named():
    copies = {"00anger": "same", "10anger": "same"}
    with pytest.raises(SplitError, match="speakers 's0' and 's1' have a recording with the same samples"):
        protocols.leave_one_speaker_out(corpus_of(many()), duplicates=copies)
    folds = protocols.speaker_independent_k_fold(corpus_of(many()), folds=3, duplicates=copies)
    assert all(len({"s0", "s1"} & {u.speaker for u in split.test}) != 1 for split in folds)  # held together


def test_the_configuration_names_a_protocol():
    corpus = corpus_of(many())
    assert (
        len(make_splits(corpus, ProtocolConfig(name="speaker_dependent_k_fold", folds=4), duplicates={})) == 4
    )
    with pytest.raises(
        UnknownNameError, match="unknown protocol 'loso', expected one of folds_from, leave_one_session"
    ):
        make_splits(corpus, ProtocolConfig(name="loso"), duplicates={})
    with pytest.raises(ConfigError, match="protocol 'leave_one_speaker_out' takes no 'folds'; leave it away"):
        make_splits(corpus, ProtocolConfig(name="leave_one_speaker_out", folds=3), duplicates={})
    with pytest.raises(ConfigError, match=r"protocol 'folds_from' needs protocol\.file"):
        make_splits(corpus, ProtocolConfig(name="folds_from"), duplicates={})


def test_plain_8_1_1_ignores_classes():
    corpus = corpus_of(many(speakers=10, sentences=10))
    split = protocols.speaker_dependent_8_1_1(corpus, stratified=False, duplicates={})[0]
    assert [len(part) for part in split.parts().values()] == [160, 20, 20]
    counts = [
        sum(u.emotion == "fear" for u in split.test)
        for split in (
            protocols.speaker_dependent_8_1_1(corpus, seed=s, stratified=False, duplicates={})[0]
            for s in range(8)
        )
    ]
    assert len(set(counts)) > 1


def test_folds_from_a_table(tmp_path):
    corpus = corpus_of(many(speakers=5))
    file = tmp_path / "folds.csv"
    file.write_text("id,fold\n" + "\n".join(f"{u.id},{u.speaker}" for u in corpus))
    folds = protocols.folds_from(corpus, file=file, duplicates={})
    assert len(folds) == 5
    assert folds[0].disjoint_by == ("speaker",)  # seen from the file, and kept for validation
    file.write_text("id,fold\n" + "\n".join(f"{u.id},{i % 3}" for i, u in enumerate(corpus)))
    assert protocols.folds_from(corpus, file=file, duplicates={})[0].disjoint_by == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,fold\nx,1\n", "not a table of folds; expected a CSV with the columns id and fold"),
        ("id,fold\nnobody,1\n", "utterance 'nobody' is not in made"),
        ("id,fold\n00anger,1\n00anger,2\n", "utterance '00anger' is tested twice"),
        ("id,fold\nx\n", "row 1 has no fold; give every id one"),
        ("id,fold\n,2\n", "row 1 has no id; give every id one"),
        ("id,fold\n00anger,1\n", "31 utterances have no fold, '00fear' among them"),
    ],
)
def test_tables_of_folds_that_are_refused(tmp_path, text, message):
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(SplitError, match=message):
        protocols.folds_from(corpus_of(many()), file=tmp_path / "folds.csv", duplicates={})


def test_a_spreadsheets_mark_and_other_encodings(tmp_path):
    corpus, file = corpus_of(many()), tmp_path / "folds.csv"
    text = "id,fold\n" + "\n".join(f"{u.id},{i % 3}" for i, u in enumerate(corpus))
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(protocols.folds_from(corpus, file=file, duplicates={})) == 3
    file.write_bytes(b"id,fold\n\xff\xfe,1\n")
    with pytest.raises(SplitError, match=r"not a table of folds .*; write it as CSV in UTF-8"):
        protocols.folds_from(corpus, file=file, duplicates={})


def test_an_empty_fold_is_named(tmp_path):
    corpus = corpus_of(many())
    (tmp_path / "test_fold_1.jsonl").write_text(
        "\n".join(json.dumps({"key": f"made-{u.id}"}) for u in corpus)
    )
    (tmp_path / "test_fold_2.jsonl").touch()
    with pytest.raises(SplitError, match="fold 2 of 2 tests no utterance; give it some"):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})


def test_fold_files_that_are_not_there(tmp_path):
    corpus = corpus_of(many())
    with pytest.raises(StorageError, match="No such file or directory; name a CSV of id,fold or a folder"):
        protocols.folds_from(corpus, file=tmp_path / "nowhere.csv", duplicates={})
    with pytest.raises(
        SplitError, match=r"neither test_fold_1\.jsonl nor fold_1/\*_test_fold_1\.jsonl in it"
    ):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})
    (tmp_path / "test_fold_1.jsonl").write_text("not json\n")
    with pytest.raises(SplitError, match="'not json' is not a JSON object with a key"):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})
    (tmp_path / "test_fold_1.jsonl").write_text(
        "\n".join(json.dumps({"key": f"made-{u.id}"}) for u in corpus)
    )
    with pytest.raises(
        SplitError, match=r"nothing to train on; give at least 2 folds, or put train_fold_1\.jsonl beside it"
    ):
        protocols.folds_from(corpus, file=tmp_path / "test_fold_1.jsonl", duplicates={})


def test_emoboxs_one_fold_of_a_corpus_is_its_split(tmp_path):
    """For TESS, CREMA-D and MELD it has ``fold_1`` alone, with files of what is learnt from."""
    corpus = corpus_of(many())
    ids = [u.id for u in corpus]
    (tmp_path / "fold_1").mkdir()

    def write(part, ids):
        lines = [json.dumps({"key": f"made-{id_}"}) for id_ in ids]
        (tmp_path / "fold_1" / f"made_{part}_fold_1.jsonl").write_text("\n".join(lines))

    write("test", ids[:8])
    write("train", ids[8:])
    (split,) = protocols.folds_from(corpus, file=tmp_path, duplicates={})
    assert [u.id for u in split.test] == ids[:8]
    assert {u.id for u in (*split.train, *split.validation)} == set(ids[8:])
    write("train", ids[12:])
    with pytest.raises(SplitError, match="4 utterances have no fold"):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})
    write("valid", ids[8:12])
    assert len(protocols.folds_from(corpus, file=tmp_path, duplicates={})) == 1
    write("train", ids[7:])
    with pytest.raises(SplitError, match=f"utterance '{ids[7]}' is learnt from and tested; give it one side"):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})


@pytest.mark.parametrize("named", ["", "fold_2", "fold_1/made_test_fold_1.jsonl"])
def test_emoboxs_folds_as_they_are_published(named, tmp_path):
    corpus = corpus_of(many())
    ids = [u.id for u in corpus]
    for number in range(11):
        (tmp_path / f"fold_{number + 1}").mkdir()
        lines = [json.dumps({"key": f"made-{id_}"}) for id_ in ids[number::11]]
        (tmp_path / f"fold_{number + 1}" / f"made_test_fold_{number + 1}.jsonl").write_text("\n".join(lines))
        (tmp_path / f"fold_{number + 1}" / f"made_test_fold{number + 1}.jsonl").write_text("an older name")
    folds = protocols.folds_from(corpus, file=tmp_path / named, duplicates={})
    assert [[u.id for u in split.test] for split in folds] == [ids[number::11] for number in range(11)]
    (tmp_path / "fold_3" / "other_test_fold_3.jsonl").touch()
    with pytest.raises(
        SplitError, match=r"fold_3: several files \*_test_fold_\*\.jsonl; leave the one of the corpus"
    ):
        protocols.folds_from(corpus, file=tmp_path, duplicates={})


def test_a_folder_called_fold_1_may_hold_all_folds(tmp_path):
    corpus, folder = corpus_of(many()), tmp_path / "fold_1"
    folder.mkdir()
    for number in range(11):
        lines = [json.dumps({"key": f"made-{u.id}"}) for u in list(corpus)[number::11]]
        (folder / f"test_fold_{number + 1}.jsonl").write_text("\n".join(lines))
    assert len(protocols.folds_from(corpus, file=folder, duplicates={})) == 11


def test_emobox_folds(protocol_files, emodb_root, ravdess_root):
    emodb = load_corpus("emodb", emodb_root)
    folds = protocols.folds_from(emodb, file=protocol_files / "emobox_emodb", duplicates={})
    assert [len(split.test) for split in folds] == [107] * 5
    assert folds[0].disjoint_by == ()
    lines = (protocol_files / "emobox_emodb" / "test_fold_3.jsonl").read_text().splitlines()
    named = {json.loads(line)["key"] for line in lines}
    assert {f"emodb-{u.id}" for u in folds[2].test} == named
    ravdess = load_corpus("ravdess", ravdess_root)
    folds = protocols.folds_from(ravdess, file=protocol_files / "emobox_ravdess", duplicates={})
    assert [len(split.test) for split in folds] == [240] * 6
    assert folds[0].disjoint_by == ("speaker",)
    for split in folds:
        assert not {u.speaker for u in split.validation} & {u.speaker for u in split.train}


def test_describe_says_who_is_tested():
    split = protocols.leave_one_speaker_out(corpus_of(many()), duplicates={})[2]
    assert (
        split.describe() == "leave_one_speaker_out, fold 2: train 16, validation 8, test 8; tested speaker s2"
    )


@pytest.mark.parametrize(
    ("name", "spelt"), [("tess", lambda id_: id_.replace("_", "-")), ("casia", str.title)]
)
def test_emobox_spells_names_its_own_way(name, spelt, tmp_path):
    """EmoBox has ``tess-OAF-back-angry`` for OAF_back_angry.wav, and a capital in one of CASIA's speakers."""
    write_corpus(tmp_path, name, speakers=2, sentences=2, takes=1)
    corpus = load_corpus(name, tmp_path, allow_incomplete=True)
    for number, speaker in enumerate(corpus.speakers(), start=1):
        lines = [json.dumps({"key": f"{name}-{spelt(u.id)}"}) for u in corpus if u.speaker == speaker]
        (tmp_path / f"test_fold_{number}.jsonl").write_text("\n".join(lines))
    tested = [{u.speaker for u in test} for _, test in read_folds(tmp_path, corpus)]
    assert tested == [{speaker} for speaker in corpus.speakers()]
