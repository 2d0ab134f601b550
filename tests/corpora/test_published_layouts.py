"""Corpora whose names say everything, in the layouts in circulation and with their oddities."""

import shutil
from itertools import product

import pytest
from trees import read, reasons, touch

from magtfnet import CorpusError, CorpusLayoutError, CorpusRootError, load_corpus
from magtfnet.corpora.audit import audit

# CASIA

CASIA = list(
    product(
        ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang"),
        ("angry", "fear", "happy", "neutral", "sad", "surprise"),
        range(201, 251),
    )
)


def test_casia_in_both_layouts_reads_the_same(tmp_path):
    touch(tmp_path / "a", *(f"{s}/{e}/{n}.wav" for s, e, n in CASIA))
    touch(tmp_path / "b", *(f"CASIA database/{e}/{n}-{e}-{s}.wav" for s, e, n in CASIA))
    touch(tmp_path / "a", "相同文本300.txt", "liuchanhg/Thumbs.db", "liuchanhg/angry/文本.txt", "其他/x.txt")
    first, second = load_corpus("casia", tmp_path / "a"), load_corpus("casia", tmp_path / "b")
    assert len(first) == 1200
    assert first.counts() == first.info.classes
    assert first.speakers() == ["liuchanhg", "wangzhe", "zhaoquanyin", "zhaozuoxiang"]
    assert len({u.sentence for u in first}) == 50
    key = [(u.id, u.emotion, u.speaker, u.sentence, u.sex) for u in first]
    assert sorted(key) == sorted((u.id, u.emotion, u.speaker, u.sentence, u.sex) for u in second)
    assert first["240-zhaozuoxiang-sad"].sex == "male"
    assert len(first.left_out) == 4


def test_casia_as_many_as_the_paper(tmp_path):
    touch(tmp_path, *(f"{s}/{e}/{n}.wav" for s, e, n in CASIA))
    corpus = load_corpus("casia", tmp_path, part="first_40_texts")
    assert len(corpus) == corpus.info.utterances == 960
    assert set(corpus.counts().values()) == {160}
    assert sorted({u.sentence for u in corpus}) == [str(n) for n in range(201, 241)]
    assert corpus.left_out[0].reason == "not texts 201 to 240"


@pytest.mark.parametrize(
    "stray",
    ["wangzhe/sad/251.wav", "sad/201-angry-wangzhe.wav", "sad/201-sad-nobody.wav", "sad/200-sad-wangzhe.wav"],
)
def test_casia_names_that_do_not_belong(tmp_path, stray):
    touch(tmp_path, "wangzhe/sad/201.wav", stray)
    with pytest.raises(
        CorpusLayoutError, match=r"not a name of CASIA in this folder; expected 201\.wav to 250\.wav"
    ):
        read("casia", tmp_path)


# TESS

TESS_FOLDERS = {
    "OAF_angry": "angry", "OAF_disgust": "disgust", "OAF_Fear": "fear", "OAF_happy": "happy",
    "OAF_neutral": "neutral", "OAF_Pleasant_surprise": "ps", "OAF_Sad": "sad", "YAF_angry": "angry",
    "YAF_disgust": "disgust", "YAF_fear": "fear", "YAF_happy": "happy", "YAF_neutral": "neutral",
    "YAF_pleasant_surprised": "ps", "YAF_sad": "sad",
}  # fmt: skip


def tess_names(folder):
    code = TESS_FOLDERS[folder]
    letters = [chr(97 + n) for n in range(20)]
    names = [f"{folder[:3]}_{a}{b}_{code}.wav" for a in letters[:10] for b in letters]
    if folder == "OAF_neutral":
        names[0] = names[0].replace("OAF_", "OA_")  # one name of the original lacks its F
    return names


@pytest.mark.parametrize("where", ["{folder}/{name}", "TESS data/{folder}/{name}", "{name}"])
def test_tess_in_folders_and_flat(tmp_path, where):
    for folder in TESS_FOLDERS:
        touch(tmp_path, *(where.format(folder=folder, name=name) for name in tess_names(folder)))
    corpus = load_corpus("tess", tmp_path)
    assert corpus.counts() == dict.fromkeys(corpus.info.classes, 400)
    assert corpus.speakers() == ["OAF", "YAF"]
    assert len([u for u in corpus if u.speaker == "OAF"]) == 1400
    assert len({u.sentence for u in corpus}) == 200
    assert corpus["OA_aa_neutral"].speaker == "OAF"
    assert {u.sex for u in corpus} == {"female"}


def test_tess_that_an_archive_holds_twice(tmp_path):
    inner = "TESS Toronto emotional speech set data"
    touch(
        tmp_path,
        "OAF_angry/OAF_back_angry.wav",
        "YAF_sad/YAF_back_sad.wav",
        f"{inner}/OAF_angry/OAF_back_angry.wav",
    )
    corpus = read("tess", tmp_path)
    assert len(corpus) == 2
    assert reasons(corpus) == [(inner, "a folder of no speaker and emotion")]


def test_the_odd_files_of_tess_are_no_reason_to_doubt_a_copy(tmp_path, oddities):
    """Two of them are AIFF inside, one says 96 kHz; all can be used."""
    for name in ("OAF_food_fear.wav", "YAF_germ_angry.wav", "YAF_neat_fear.wav"):
        shutil.copy(oddities / f"tess_{name}", tmp_path / name)
    found = audit(read("tess", tmp_path))
    assert found.usable
    assert len(found.to_dict()["containers"]) == 2
    assert not {"sample_rate", "container"} & {finding.kind for finding in found.findings}


# CREMA-D, SAVEE, EMOVO

SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")


def test_crema_d(tmp_path):
    names = [
        "1001_IEO_ANG_LO.wav", "1001_IEO_ANG_HI.wav", "1002_DFA_SAD_XX.wav", "1040_ITH_SAD_X.wav",
        *(f"1091_{sentence}_NEU_XX.wav" for sentence in SENTENCES),
    ]  # fmt: skip
    touch(
        tmp_path / "wav",
        *(f"CREMA-D/AudioWAV/{name}" for name in names),
        "CREMA-D/AudioMP3/1001_IEO_ANG_LO.mp3",
    )
    touch(
        tmp_path / "mp3", "AudioMP3/1001_IEO_ANG_LO.mp3", "AudioMP3/1002_IEO_SAD_LO.mp3", "VideoFlash/x.flv"
    )
    touch(tmp_path / "flat", *names)
    corpus = read("crema_d", tmp_path / "wav")
    assert corpus.counts() == {"anger": 2, "neutral": 12, "sadness": 2}
    assert corpus.speakers() == ["1001", "1002", "1040", "1091"]
    one = corpus["1040_ITH_SAD_X"]
    assert (one.speaker, one.sentence, one.sex) == ("1040", "ITH", "male")
    assert corpus["1002_DFA_SAD_XX"].sex == "female"
    assert [u.id for u in read("crema_d", tmp_path / "flat")] == [u.id for u in corpus]
    assert [u.path.suffix for u in read("crema_d", tmp_path / "mp3")] == [".mp3", ".mp3"]


def test_crema_d_has_43_women():
    from magtfnet.corpora.crema_d import FEMALE

    assert len(FEMALE) == 43
    assert min(FEMALE) > 1000
    assert max(FEMALE) <= 1091


def test_savee_by_folders_and_flat(tmp_path):
    codes = [f"{e}{n:02d}" for e in ("a", "d", "f", "h", "sa", "su") for n in range(1, 16)]
    codes += [f"n{n:02d}" for n in range(1, 31)]
    named = list(product(("DC", "JE", "JK", "KL"), codes))
    touch(tmp_path / "a", *(f"AudioData/{s}/{code}.wav" for s, code in named), "AudioData/Info.txt")
    touch(tmp_path / "b", *(f"ALL/{s}_{code}.wav" for s, code in named))
    first, second = load_corpus("savee", tmp_path / "a"), load_corpus("savee", tmp_path / "b")
    assert first.counts() == second.counts() == first.info.classes
    assert [(u.id, u.speaker) for u in first] == [(u.id, u.speaker) for u in second]
    assert (first["KL_su15"].emotion, first["KL_sa01"].emotion) == ("surprise", "sadness")
    assert {(u.sex, u.sentence) for u in first} == {("male", None)}


def test_emovo(tmp_path):
    sentences = [
        f"{k}{n}" for k, count in (("b", 3), ("l", 4), ("n", 5), ("d", 2)) for n in range(1, count + 1)
    ]
    for speaker in ("f1", "f2", "f3", "m1", "m2", "m3"):
        for emotion in ("dis", "gio", "neu", "pau", "rab", "sor", "tri"):
            touch(tmp_path / "EMOVO" / speaker, *(f"{emotion}-{speaker}-{s}.wav" for s in sentences))
    touch(tmp_path, "EMOVO/documents/readme.pdf")
    corpus = load_corpus("emovo", tmp_path)
    assert corpus.counts() == corpus.info.classes
    assert len(corpus.speakers()) == 6
    assert len({u.sentence for u in corpus}) == 14
    one = corpus["gio-f2-n5"]
    assert (one.emotion, one.speaker, one.sentence, one.sex) == ("happiness", "f2", "n5", "female")
    assert corpus["pau-m1-d2"].emotion == "fear"


# ESD

ESD = {"Neutral": 0, "Angry": 350, "Happy": 700, "Sad": 1050, "Surprise": 1400}


def esd_names(speaker, division="", each=3):
    for emotion, offset in ESD.items():
        for n in range(1, each + 1):
            yield f"{speaker}/{emotion}/{division}{speaker}_{offset + n:06d}.wav"


def test_esd_flat_and_divided(tmp_path):
    wrap = "Emotional Speech Dataset (ESD)/Emotion Speech Dataset"
    touch(tmp_path / wrap, *esd_names("0001"), *esd_names("0011", "train/"), "0001/0001.txt", "ReadMe.txt")
    corpus = read("esd", tmp_path)
    assert corpus.counts() == dict.fromkeys(corpus.info.classes, 6)
    assert {u.sentence for u in corpus} == {f"{lang}{n:03d}" for lang in ("zh", "en") for n in (1, 2, 3)}
    one = corpus["0011_001402"]
    assert (one.emotion, one.sentence, one.sex) == ("surprise", "en002", "male")
    assert reasons(corpus) == [
        ("0001.txt", "not in a folder of an emotion"),
        ("ReadMe.txt", "not in a folder of a speaker"),
    ]


def test_esd_by_language_wants_that_language_only(tmp_path):
    for speaker in range(11, 21):
        touch(tmp_path, *esd_names(f"{speaker:04d}", each=350))
    with pytest.raises(CorpusError, match="esd is incomplete, 17500 utterances instead of 35000"):
        load_corpus("esd", tmp_path)
    corpus = load_corpus("esd", tmp_path, part="english")
    assert len(corpus) == corpus.info.utterances == 17_500
    assert (corpus.info.speakers, len(corpus.speakers())) == (10, 10)
    with pytest.raises(CorpusRootError, match="no utterance of esd, mandarin, in it"):
        load_corpus("esd", tmp_path, part="mandarin")


def test_esd_refuses_a_file_of_another_speaker(tmp_path):
    touch(tmp_path, "0001/Angry/0002_000351.wav")
    with pytest.raises(
        CorpusLayoutError, match="not a name of ESD in this folder; expected a name such as 0001_000351"
    ):
        read("esd", tmp_path)


# JL-Corpus


def test_jl_corpus(tmp_path):
    words = (
        "angry",
        "excited",
        "happy",
        "neutral",
        "sad",
        "anxious",
        "apologetic",
        "assertive",
        "concerned",
        "encouraging",
    )
    folder = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
    for speaker, word, sentence, session, take in product(
        ("female1", "female2", "male1", "male2"), words, range(1, 16), "ab", (1, 2)
    ):
        touch(tmp_path, f"{folder}/{speaker}_{word}_{sentence}{session}_{take}.wav")
    touch(tmp_path, f"{folder}/female1_angry_10a_1.txt")
    corpus = load_corpus("jl_corpus", tmp_path)
    assert corpus.counts() == corpus.info.classes
    one = corpus["female1_excited_10b_2"]
    assert (one.emotion, one.speaker, one.sentence, one.session, one.sex) == (
        "excitement",
        "female1",
        "10",
        "b",
        "female",
    )
    assert len({u.sentence for u in corpus}) == 15
    primary = load_corpus("jl_corpus", tmp_path, part="primary")
    assert primary.labels.classes == ("anger", "excitement", "happiness", "neutral", "sadness")
    assert len(primary) == primary.info.utterances == 1200
    secondary = load_corpus("jl_corpus", tmp_path, part="secondary")
    assert secondary.labels.classes == ("anxious", "apologetic", "assertive", "concerned", "encouraging")


def test_a_tree_that_is_buried_too_deep_is_not_found(tmp_path):
    touch(tmp_path, "1/2/3/m1/gio-m1-b1.wav", "1/2/3/m1/rab-m1-b1.wav", "__MACOSX/m1/gio-m1-b2.wav")
    assert len(read("emovo", tmp_path)) == 2
    with pytest.raises(CorpusRootError, match="no utterance of tess in it"):
        read("tess", tmp_path)
    touch(tmp_path / "deep", "1/2/3/4/m1/gio-m1-b1.wav")
    with pytest.raises(CorpusRootError, match="no utterance of emovo in it"):
        read("emovo", tmp_path / "deep")
