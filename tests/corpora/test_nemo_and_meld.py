"""Corpora whose labels lie in tables: nEMO and MELD."""

import pytest
from trees import read, reasons, touch

from magtfnet import CorpusLayoutError, load_corpus
from magtfnet.corpora import CORPORA

NEMO_HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


def write_nemo(root, rows):
    touch(root, *(f"samples/{row[0]}" for row in rows))
    lines = [
        f'{file}\t{emotion}\t„Ród" to.\tród\t        {spk}\t{sex}\t23\n' for file, emotion, spk, sex in rows
    ]
    (root / "data.tsv").write_text(NEMO_HEADER + "".join(lines), encoding="utf-8")


def test_nemo(tmp_path):
    root = tmp_path / "nEMO-main"
    write_nemo(
        root,
        [("WR0_surprised_64.wav", "surprised", "WR0", "male"), ("EB0_fear_2.wav", "fear", "EB0", "female")],
    )
    corpus = read("nemo", tmp_path)
    assert [(u.id, u.emotion, u.speaker, u.sentence, u.sex) for u in corpus] == [
        ("EB0_fear_2", "fear", "EB0", "2", "female"),
        ("WR0_surprised_64", "surprise", "WR0", "64", "male"),
    ]
    (root / "samples/EB0_fear_2.wav").rename(root / "samples/EB0_anger_3.wav")
    with pytest.raises(CorpusLayoutError, match=r"EB0_anger_3\.wav: no row in data\.tsv"):
        read("nemo", tmp_path)


def test_nemo_tables_that_contradict(tmp_path):
    write_nemo(
        tmp_path,
        [("WR0_fear_1.wav", "anger", "WR0", "male"), ("WR0_sadness_1.wav", "sadness", "WR0", "male")],
    )
    with pytest.raises(
        CorpusLayoutError, match=r"WR0_fear_1\.wav: data\.tsv says 'anger'; expected the emotion of the"
    ):
        read("nemo", tmp_path)
    (tmp_path / "data.tsv").write_text("file\tlabel\n")
    with pytest.raises(
        CorpusLayoutError, match=r"data\.tsv: columns file, label; expected the columns file_id, emotion"
    ):
        read("nemo", tmp_path)


def test_nemo_says_which_recordings_are_missing(tmp_path):
    rows = [(f"WR0_{e}_1.wav", e, "WR0", "male") for e in ("anger", "fear", "sadness")]
    write_nemo(tmp_path, rows)
    (tmp_path / "samples/WR0_fear_1.wav").unlink()
    assert reasons(read("nemo", tmp_path)) == [("WR0_fear_1.wav", "in data.tsv, but there is no recording")]


MELD_HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
)


def write_meld(file, *rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{n},"Oh, {text}",{speaker},{emotion},neutral,{dialogue},{utterance},8,21,"00:16:16,059","00:16:21,731"\n'
        for n, (speaker, emotion, dialogue, utterance, text) in enumerate(rows, start=1)
    ]
    file.write_bytes((MELD_HEADER + "".join(lines)).encode("utf-8").replace(b"?", b"\x92"))


@pytest.fixture
def meld(tmp_path):
    root = tmp_path / "MELD.Raw"
    write_meld(
        root / "train/train_sent_emo.csv",
        ("Chandler", "joy", 0, 0, "it?s me"),
        ("The Interviewer", "neutral", 0, 1, "no"),
        ("Joey", "neutral", 125, 3, "this clip is broken"),
    )
    write_meld(root / "dev_sent_emo.csv", ("Phoebe", "sadness", 0, 0, "x"))
    write_meld(root / "test_sent_emo.csv", ("Ross", "disgust", 0, 0, "x"), ("Ross", "anger", 9, 9, "no clip"))
    touch(
        root,
        "train/train_splits/dia0_utt0.wav",
        "train/train_splits/dia0_utt0.mp4",
        "train/train_splits/dia0_utt1.flac",
    )
    touch(root, "train/train_splits/dia125_utt3.wav", "dev_splits_complete/dia0_utt0.wav")
    touch(root, "output_repeated_splits_test/dia0_utt0.wav", "output_repeated_splits_test/dia7_utt7.wav")
    return root


def test_meld(meld):
    corpus = read("meld", meld.parent)
    assert [(u.id, u.emotion, u.speaker, u.session) for u in corpus] == [
        ("dia0_utt0-train", "happiness", "Chandler", "S08E21"),
        ("dia0_utt1-train", "neutral", "The Interviewer", "S08E21"),
        ("dia0_utt0-dev", "sadness", "Phoebe", "S08E21"),
        ("dia0_utt0-test", "disgust", "Ross", "S08E21"),
    ]
    assert reasons(corpus) == [
        ("dia125_utt3.wav", "broken or missing in the original"),
        ("dia7_utt7.wav", "no row in test_sent_emo.csv"),
        ("dia9_utt9", "in test_sent_emo.csv, but there is no recording"),
    ]
    assert [u.id for u in load_corpus("meld", meld, part="train", allow_incomplete=True)] == [
        "dia0_utt0-train",
        "dia0_utt1-train",
    ]


def test_meld_behind_links(meld, tmp_path):
    known = [utterance.id for utterance in read("meld", meld)]
    (meld / "train/train_splits").rename(tmp_path / "elsewhere")
    (meld / "train/train_splits").symlink_to(tmp_path / "elsewhere")
    assert [utterance.id for utterance in read("meld", meld)] == known


def test_meld_wants_the_audio_of_its_videos(meld):
    for path in (meld / "train/train_splits").iterdir():
        path.rename(path.with_suffix(".mp4"))
    corpus = read("meld", meld)
    assert [u.id for u in corpus] == ["dia0_utt0-dev", "dia0_utt0-test"]
    assert [reason for name, reason in reasons(corpus) if name.endswith(".mp4")] == [
        "a video without audio beside it; extract it first (ffmpeg -i dia0_utt0.mp4 -vn dia0_utt0.wav)",
        "a video without audio beside it; extract it first (ffmpeg -i dia0_utt0.mp4 -vn dia0_utt0.wav)",
        "broken or missing in the original",
    ]


def test_meld_tables_that_are_refused(meld):
    write_meld(meld / "dev_sent_emo.csv", ("Phoebe", "meh", 0, 0, "x"))
    with pytest.raises(
        CorpusLayoutError, match=r"dev_sent_emo\.csv: line 2 has emotion 'meh' and numbers 0, 0, 8, 21"
    ):
        read("meld", meld)
    write_meld(meld / "dev_sent_emo.csv", ("Phoebe", "joy", "x", 0, "x"))
    with pytest.raises(
        CorpusLayoutError, match=r"numbers x, 0, 8, 21; expected one of anger, .*, and whole numbers"
    ):
        read("meld", meld)
    (meld / "dev_sent_emo.csv").write_text("a,b\n")
    with pytest.raises(
        CorpusLayoutError, match=r"dev_sent_emo\.csv: columns a, b; expected the columns Speaker, Emotion"
    ):
        read("meld", meld)


def test_meld_counts():
    parts = CORPORA["meld"].info.parts
    assert [parts[name].utterances for name in ("train", "dev", "test")] == [9988, 1108, 2610]
