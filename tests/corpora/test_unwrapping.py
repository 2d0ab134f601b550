"""Copies as people have them: unpacked side by side, twice, a level too high or too low, with what clones leave."""

import pytest
from trees import read, reasons, touch

from magtfnet import CorpusError, CorpusRootError, LabelError, load_corpus
from magtfnet.corpora.audit import audit

TWICE = "an utterance that another folder holds too"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("tess", ("OAF/OAF_angry/OAF_back_angry.wav", "YAF/YAF_sad/YAF_back_sad.wav")),
        ("esd", ("Chinese/0001/Angry/0001_000351.wav", "English/0011/Sad/0011_001051.wav")),
        ("crema_d", ("train/1001_IEO_ANG_LO.wav", "test/1002_IEO_SAD_LO.wav")),
        ("emovo", ("women/f1/rab-f1-b1.wav", "men/m1/tri-m1-b1.wav")),
        ("ravdess", ("a/Actor_01/03-01-05-01-01-01-01.wav", "b/Actor_02/03-01-04-01-01-01-02.wav")),
        ("emodb", ("a/wav/03a01Wa.wav", "b/08a01Ta.wav")),
        ("iemocap", None),
    ],
)
def test_halves_side_by_side_are_both_read(tmp_path, name, files):
    if files is None:
        for session in (1, 2):
            turn, folder = f"Ses0{session}F_impro01_F000", tmp_path / f"disc{session}/Session{session}"
            touch(folder, f"sentences/wav/Ses0{session}F_impro01/{turn}.wav")
            label = f"[1.0 - 2.0]\t{turn}\t{('ang', 'sad')[session - 1]}\t[2.5, 2.5, 2.5]\n"
            (folder / "dialog/EmoEvaluation").mkdir(parents=True)
            (folder / "dialog/EmoEvaluation/x.txt").write_text(label)
    else:
        touch(tmp_path, *files)
    corpus = read(name, tmp_path)
    assert corpus.counts() == {"anger": 1, "sadness": 1}
    assert len(corpus.speakers()) == 2
    assert not corpus.left_out


@pytest.mark.parametrize(
    ("name", "files", "again"),
    [
        ("savee", ("AudioData/DC/a01.wav", "AudioData/DC/sa01.wav"), ("ALL/DC_a01.wav",)),
        ("jl_corpus", ("Raw JL/JL(wav+txt)/male1_angry_1a_1.wav", "Raw JL/JL(wav+txt)/male1_sad_1a_1.wav"),
         ("sample/male1_angry_1a_1.wav",)),
        ("casia", ("A/wangzhe/angry/201.wav", "A/wangzhe/sad/201.wav"), ("B/angry/201-angry-wangzhe.wav",)),
        ("emodb", ("EMODB/wav/03a01Wa.wav", "EMODB/wav/03a01Ta.wav"), ("emodb copy/03a01Wa.wav",)),
    ],
)  # fmt: skip
def test_what_is_there_twice_is_read_once_and_counted(tmp_path, name, files, again):
    touch(tmp_path, *files, *again)
    corpus = read(name, tmp_path)
    assert corpus.counts() == {"anger": 1, "sadness": 1}
    assert [reason for _, reason in reasons(corpus)] == [TWICE]


RAVDESS = ("03-01-05-01-01-01-01.wav", "03-01-04-01-01-01-01.wav")


@pytest.mark.parametrize(
    "where",
    [
        "Actor_01/{}",
        "audio_speech_actors_01-24/Actor_01/{}",
        "RAVDESS/Audio_Speech_Actors_01-24/Actor_01/{}",
        "actor_01/{}",
        "{}",
        "all/{}",
    ],
)
def test_ravdess_as_it_lies_about(tmp_path, where):
    touch(tmp_path, *map(where.format, RAVDESS))
    assert read("ravdess", tmp_path).counts() == {"anger": 1, "sadness": 1}


def test_ravdess_beside_its_song_and_doubled_as_on_kaggle(tmp_path):
    song = "03-02-05-01-01-01-01.wav"
    touch(tmp_path / "a", *(f"Audio_Speech_Actors_01-24/Actor_01/{name}" for name in RAVDESS))
    touch(tmp_path / "a", f"Audio_Song_Actors_01-24/Actor_01/{song}")
    assert reasons(read("ravdess", tmp_path / "a")) == [(song, "not audio-only speech")]
    touch(tmp_path / "b", *(f"Actor_01/{name}" for name in RAVDESS))
    touch(tmp_path / "b", *(f"audio_speech_actors_01-24/Actor_01/{name}" for name in RAVDESS))
    corpus = read("ravdess", tmp_path / "b")
    assert len(corpus) == 2
    assert reasons(corpus) == [("audio_speech_actors_01-24", "a folder of no actor")]


@pytest.mark.parametrize("where", ["wav/{}", "{}", "EMODB/wav/{}", "EMODB/{}", "wav/wav/{}", "WAV/{}"])
def test_emodb_as_it_lies_about(tmp_path, where):
    touch(tmp_path, *map(where.format, ("03a01Wa.wav", "03a01Ta.wav")), "erkennung.txt")
    assert read("emodb", tmp_path).counts() == {"anger": 1, "sadness": 1}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("savee", ("dc/a01.wav", "dc/sa01.wav")),
        ("crema_d", ("AudioWAV/AudioWAV/1001_IEO_ANG_LO.wav", "AudioWAV/AudioWAV/1001_IEO_SAD_LO.wav")),
        ("crema_d", ("AudioWAV/readme.md", "AudioMP3/1001_IEO_ANG_LO.mp3", "AudioMP3/1001_IEO_SAD_LO.mp3")),
    ],
)
def test_other_oddities_are_read(tmp_path, name, files):
    touch(tmp_path, *files)
    assert read(name, tmp_path).counts() == {"anger": 1, "sadness": 1}


@pytest.mark.parametrize(
    ("name", "files", "inside"),
    [
        ("casia", ("wangzhe/angry/201.wav", "liuchanhg/sad/201.wav"), "liuchanhg"),
        ("savee", ("DC/a01.wav", "JE/a01.wav"), "DC"),
        ("tess", ("OAF_angry/OAF_back_angry.wav", "YAF_sad/YAF_back_sad.wav"), "OAF_angry"),
        ("ravdess", ("Actor_01/03-01-05-01-01-01-01.wav", "Actor_02/03-01-04-01-01-01-02.wav"), "Actor_01"),
    ],
)
def test_a_root_one_level_too_low_is_told_its_parent(tmp_path, name, files, inside):
    touch(tmp_path, *files)
    with pytest.raises(CorpusRootError) as error:
        read(name, tmp_path / inside)
    assert str(error.value).endswith(
        f"one of several folders of the corpus; expected {tmp_path}, which holds them all"
    )


def test_a_root_that_only_sounds_like_a_folder_of_the_corpus_is_read(tmp_path):
    touch(tmp_path, "f1/m1/rab-m1-b1.wav", "f1/f2/tri-f2-b1.wav", "other/x.txt")
    assert len(read("emovo", tmp_path / "f1")) == 2


def test_a_copy_without_utterances_says_what_there_is_instead(tmp_path):
    touch(tmp_path / "a", "train_sent_emo.csv")
    (tmp_path / "a" / "train_sent_emo.csv").write_text(
        "Speaker,Emotion,Dialogue_ID,Utterance_ID,Season,Episode\nJoey,joy,0,0,1,1\nJoey,joy,0,1,1,1\n"
    )
    with pytest.raises(
        CorpusRootError,
        match=r"no utterance of meld in it \(2 left out, dia0_utt0 first: in train_sent_emo\.csv, but there is no",
    ):
        read("meld", tmp_path / "a")
    touch(tmp_path / "b", *"abcd")
    with pytest.raises(
        CorpusRootError, match=r"no utterance of tess in it \(found a, b, c, …\); expected files such"
    ):
        read("tess", tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(CorpusRootError, match=r"no utterance of tess in it \(it is empty\)"):
        read("tess", tmp_path / "c")


def test_one_emotion_alone_is_refused_with_its_place(tmp_path):
    touch(tmp_path, "x/OAF_angry/OAF_back_angry.wav")
    with pytest.raises(
        LabelError, match=r"1 utterances of tess in it, but a label set needs at least 2 emotions"
    ) as error:
        read("tess", tmp_path / "x")
    assert str(error.value).startswith(f"{tmp_path}")


# One's own folder of emotions


def test_hidden_folders_are_none_of_ones_own_recordings(tmp_path):
    touch(tmp_path, "angry/a.wav", "angry/.ipynb_checkpoints/a-checkpoint.wav", "angry/.Trash/c.wav")
    touch(tmp_path, "sad/deep/b.wav", "sad/__MACOSX/deep/b.wav", "transcripts/a.txt", "__MACOSX/angry/a.wav")
    corpus = read("folder", tmp_path)
    assert [u.id for u in corpus] == ["angry/a.wav", "sad/deep/b.wav"]
    assert reasons(corpus) == [("a.txt", "not a recording by its suffix")]


def test_emotions_a_level_deeper_are_pointed_at(tmp_path):
    touch(tmp_path, "data/angry/a.wav", "data/sad/b.wav")
    with pytest.raises(CorpusRootError) as error:
        read("folder", tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: the folders of emotions (angry, sad) lie a level deeper; expected {tmp_path / 'data'}"
    )


@pytest.mark.parametrize("native", ["生气", "very angry", 'so "so"'])
def test_the_line_to_put_into_a_mapping_file_can_be_put_there(tmp_path, native):
    touch(tmp_path, f"{native}/a.wav", "sad/b.wav")
    with pytest.raises(LabelError, match="map it in a mapping file") as error:
        read("folder", tmp_path)
    line = str(error.value).split("(--labels): ")[1].split(", or")[0]
    (tmp_path / "labels.toml").write_text(line.replace("] ", "]\n"), encoding="utf-8")
    corpus = load_corpus("folder", tmp_path, mapping=tmp_path / "labels.toml")
    assert corpus.counts() == {"anger": 1, "sadness": 1}


@pytest.mark.parametrize("native", ["pleasant surprise", "pleasant_surprised"])
def test_pleasant_surprise_is_known(tmp_path, native):
    touch(tmp_path, f"{native}/a.wav", "sad/b.wav")
    assert read("folder", tmp_path).counts() == {"sadness": 1, "surprise": 1}


# What the audit says


def test_a_clone_without_large_files_is_told_to_pull_them(tmp_path):
    touch(tmp_path, "AudioWAV/1001_IEO_ANG_LO.wav", "AudioWAV/1001_IEO_SAD_LO.wav")
    for path in tmp_path.rglob("*.wav"):
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    found = audit(read("crema_d", tmp_path))
    assert not found.usable
    messages = [finding.message for finding in found.findings if finding.kind == "broken"]
    assert messages[0].endswith("a pointer of Git LFS, not the recording; fetch that with 'git lfs pull'")


def test_many_recordings_with_the_same_wrong_are_one_finding(tmp_path):
    touch(
        tmp_path,
        *(
            f"1001_{sentence}_{emotion}_XX.wav"
            for sentence in ("IEO", "TIE", "IOM")
            for emotion in ("ANG", "SAD")
        ),
    )
    (tmp_path / "1002_IEO_ANG_XX.wav").write_text("no audio at all")
    broken = [finding for finding in audit(read("crema_d", tmp_path)).findings if finding.kind == "broken"]
    assert [len(finding.utterances) for finding in broken] == [6, 1]
    assert broken[0].message.startswith(
        "6 recordings: an empty file (0 bytes); copy or record it again: 1001_IEO_ANG_XX, "
    )
    assert broken[0].message.endswith(" and 1 more")
    assert broken[1].message.startswith(f"{tmp_path}")


def test_the_audit_names_what_was_left_out(tmp_path):
    touch(
        tmp_path,
        "wangzhe/angry/201.wav",
        "wangzhe/sad/201.wav",
        "wangzhe/anger/202.wav",
        *(f"{n}.txt" for n in range(7)),
    )
    messages = [
        finding.message for finding in audit(read("casia", tmp_path)).findings if finding.kind == "left_out"
    ]
    assert messages == [
        "7 left out, not in a folder of a speaker or an emotion: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more",
        "1 left out, not in a folder of an emotion: wangzhe/anger",
    ]


# MELD, whose audio everyone extracts to another place


def meld_row(dialogue, emotion):
    return f"Joey,{emotion},{dialogue},0,1,1\n"


@pytest.mark.parametrize(
    "where",
    [
        "train_splits/{}.wav", "train/train_splits/{}.wav", "train_splits/wav/{}.wav", "train_splits_wav/{}.wav",
        "audio/train/{}.wav", "train_audio/{}.flac", "train_splits/train_splits/{}.wav", "train_splits/{}.mp3",
        "train/{}.WAV", "train-wav/{}.wav", "train_splits/{}.mp4.wav",
    ],
)  # fmt: skip
def test_meld_audio_wherever_it_was_extracted_to(tmp_path, where):
    header = "Speaker,Emotion,Dialogue_ID,Utterance_ID,Season,Episode\n"
    (tmp_path / "train_sent_emo.csv").write_text(header + meld_row(0, "joy") + meld_row(1, "anger"))
    (tmp_path / "test_sent_emo.csv").write_text(header + meld_row(0, "sadness"))
    touch(tmp_path, *(where.format(f"dia{n}_utt0") for n in (0, 1)), "train/train_splits/dia0_utt0.mp4")
    touch(
        tmp_path,
        "output_repeated_splits_test/dia0_utt0.wav",
        "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
    )
    corpus = read("meld", tmp_path)
    assert [(u.id, u.emotion) for u in corpus] == [
        ("dia0_utt0-train", "happiness"),
        ("dia1_utt0-train", "anger"),
        ("dia0_utt0-test", "sadness"),
    ]
    assert [(item.path.name, item.reason) for item in corpus.left_out] == [
        ("final_videos_testdia0_utt0.mp4", "a clip that is there without this prefix too")
    ]


def test_meld_clips_that_are_there_with_a_prefix_alone(tmp_path):
    header = "Speaker,Emotion,Dialogue_ID,Utterance_ID,Season,Episode\n"
    (tmp_path / "test_sent_emo.csv").write_text(header + meld_row(0, "joy") + meld_row(1, "anger"))
    touch(tmp_path, *(f"test/final_videos_testdia{n}_utt0.wav" for n in (0, 1)), "test/dia1_utt0.wav")
    corpus = read("meld", tmp_path)
    assert [u.path.name for u in corpus] == ["final_videos_testdia0_utt0.wav", "dia1_utt0.wav"]
    assert [item.path.name for item in corpus.left_out] == ["final_videos_testdia1_utt0.wav"]


@pytest.mark.parametrize(
    ("cell", "speaker"),
    [
        ("Ross", "Ross"), ("All", None), ("Both", None), ("Ross and Rachel", None), ("Joey, Chandler", None),
        ("Mr. Anderson", "Mr. Anderson"), ("Phoebe Sr", "Phoebe Sr."), ("Dr. Leedbetter", "Dr. Ledbetter"),
    ],
)  # fmt: skip
def test_meld_speakers_are_one_each(tmp_path, cell, speaker):
    """Who speaks with others speaks alone elsewhere: as a speaker of its own such a row would be on both sides."""
    header = "Speaker,Emotion,Dialogue_ID,Utterance_ID,Season,Episode\n"
    rows = meld_row(0, "joy") + f'"{cell}",anger,1,0,1,1\n'
    (tmp_path / "train_sent_emo.csv").write_text(header + rows)
    touch(tmp_path, *(f"train/dia{n}_utt0.wav" for n in (0, 1)))
    assert read("meld", tmp_path)["dia1_utt0-train"].speaker == speaker


def test_meld_divisions_whose_audio_is_there_can_be_used_alone(tmp_path):
    header = "Speaker,Emotion,Dialogue_ID,Utterance_ID,Season,Episode\n"
    for division in ("train", "test"):
        (tmp_path / f"{division}_sent_emo.csv").write_text(header + meld_row(0, "joy") + meld_row(1, "anger"))
    touch(
        tmp_path,
        *(f"train_splits/dia{n}_utt0.mp4" for n in (0, 1)),
        *(f"test/dia{n}_utt0.wav" for n in (0, 1)),
    )
    corpus = load_corpus("meld", tmp_path, part="test", allow_incomplete=True)
    assert [u.id for u in corpus] == ["dia0_utt0-test", "dia1_utt0-test"]
    with pytest.raises(
        CorpusError, match=r"no utterance of meld, train, in it \(2 left out, .*ffmpeg -i dia0_utt0\.mp4"
    ):
        load_corpus("meld", tmp_path, part="train", allow_incomplete=True)
