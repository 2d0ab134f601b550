"""IEMOCAP's labels, speakers, sessions and counts, in the layout of its full release."""

import shutil

import pytest
from trees import read, reasons, touch

from magtfnet import CorpusError, CorpusLayoutError, load_corpus

IMPROVISED = {"ang": 289, "exc": 663, "hap": 284, "neu": 1099, "sad": 608}
ALL = {
    "ang": 1103, "dis": 2, "exc": 1041, "fea": 40, "fru": 1849, "hap": 595, "neu": 1708, "oth": 3, "sad": 1084,
    "sur": 107, "xxx": 2507,
}  # fmt: skip


def write_iemocap(root, turns):
    """Write turns of (dialogue, letter and number, label, valence, arousal, dominance)."""
    lines = {}
    for dialogue, turn, label, *vad in turns:
        session = root / f"Session{dialogue[4]}"
        touch(session / "sentences/wav" / dialogue, f"{dialogue}_{turn}.wav")
        values = ", ".join(f"{value:.4f}" for value in vad or (2.5, 2.5, 2.5))
        line = f"[6.2901 - 8.2357]\t{dialogue}_{turn}\t{label}\t[{values}]\nC-E2:\tNeutral;\t()\n"
        lines.setdefault(session / "dialog/EmoEvaluation" / f"{dialogue}.txt", []).append(line)
    for file, said in lines.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n" + "\n".join(said))
    return root


@pytest.fixture(scope="module")
def full_iemocap(tmp_path_factory):
    """As many turns of each label, improvised and scripted, as the full release has."""
    turns = []
    for label, total in ALL.items():
        improvised = IMPROVISED.get(label, total // 2)
        for n in range(total):
            kind = "impro" if n < improvised else "script"
            dialogue = f"Ses0{n % 5 + 1}{'FM'[n % 2]}_{kind}01{label}"
            turns.append((dialogue, f"{'FM'[n // 5 % 2]}{n:04d}", label))
    return write_iemocap(tmp_path_factory.mktemp("iemocap"), turns)


def test_iemocap_in_full(full_iemocap):
    corpus = load_corpus("iemocap", full_iemocap)
    assert len(corpus) == 7532
    assert corpus.counts() == corpus.info.classes
    assert len(corpus.counts()) == 10
    assert len(corpus.speakers()) == 10
    assert {u.session for u in corpus} == {f"Session{n}" for n in range(1, 6)}
    assert [item.reason for item in corpus.left_out] == ["listeners did not agree on an emotion"] * 2507


@pytest.mark.parametrize(
    ("part", "labels", "expected"),
    [
        ("improvised", "iemocap_4", 2943),
        (None, "iemocap_4", 5531),
        ("scripted", "iemocap_4", 2588),
        ("improvised", "iemocap_4_without_excitement", 2280),
        (None, "iemocap_4_without_excitement", 4490),
    ],
)
def test_iemocap_in_the_selections_of_the_literature(full_iemocap, part, labels, expected):
    corpus = load_corpus("iemocap", full_iemocap, part=part, mapping=labels)
    assert len(corpus) == corpus.info.utterances == expected
    assert corpus.counts() == corpus.info.classes
    assert corpus.labels.classes == ("anger", "happiness", "neutral", "sadness")
    named = "iemocap" if part is None else f"iemocap, {part}"
    told = f"{expected} utterances of {named} (official {expected}), {10_039 - expected} left out ("
    assert corpus.describe().startswith(told)
    assert len(corpus) + len(corpus.left_out) == 10_039


def test_iemocap_keeps_the_speaker_of_the_turn_and_the_means(tmp_path):
    root = write_iemocap(
        tmp_path / "IEMOCAP_full_release",
        [
            ("Ses01F_impro01", "M000", "neu", 2.5, 3.0, 3.5),
            ("Ses05M_script01_1b", "F012", "fru", 1, 4.5, 4),
            ("Ses03M_impro05a", "FXX0", "oth"),
            ("Ses03M_impro05a", "M001", "xxx"),
        ],
    )
    other = root / "Session1/dialog/EmoEvaluation"
    touch(other, "Categorical/Ses01F_impro01_e2_cat.txt", "._Ses01F_impro01.txt", "notes.pdf")
    touch(root, "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M099.wav", "Documentation/phonemes.txt")
    for copy in (tmp_path, root):  # the folder that the archive unpacks to is found in the one that was named
        corpus = read("iemocap", copy)
        assert [(u.id, u.emotion, u.speaker, u.sex, u.session) for u in corpus] == [
            ("Ses01F_impro01_M000", "neutral", "Ses01M", "male", "Session1"),
            ("Ses03M_impro05a_FXX0", "other", "Ses03F", "female", "Session3"),
            ("Ses05M_script01_1b_F012", "frustration", "Ses05F", "female", "Session5"),
        ]
        one, two = corpus["Ses01F_impro01_M000"], corpus["Ses05M_script01_1b_F012"]
        assert (one.valence, one.arousal, one.dominance) == (2.5, 3.0, 3.5)
        assert (two.valence, two.arousal, two.dominance) == (1.0, 4.5, 4.0)
        assert {u.sentence for u in corpus} == {None}
        assert reasons(corpus) == [
            ("Ses01F_impro01_M099.wav", "no label in EmoEvaluation"),
            ("Ses03M_impro05a_M001.wav", "listeners did not agree on an emotion"),
        ]


def test_iemocap_says_what_is_missing(tmp_path):
    root = write_iemocap(tmp_path, [("Ses01F_impro01", f"F00{n}", "neu") for n in range(3)])
    write_iemocap(tmp_path, [("Ses01F_impro02", "F000", "sad")])
    (root / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F002.wav").unlink()
    assert reasons(read("iemocap", root)) == [
        ("Ses01F_impro01_F002.wav", "labelled, but there is no recording")
    ]
    file = root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    file.write_text(file.read_text().replace("\tneu\t", "\tnue\t", 1))
    with pytest.raises(
        CorpusLayoutError, match=r"impro01\.txt: Ses01F_impro01_F000 has the label 'nue'; expected one of ang"
    ):
        read("iemocap", root)
    shutil.rmtree(root / "Session1/dialog")
    with pytest.raises(
        CorpusError, match=r"EmoEvaluation: no such folder; expected dialog/EmoEvaluation/ in"
    ):
        read("iemocap", root)
