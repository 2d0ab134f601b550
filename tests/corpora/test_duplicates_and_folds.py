"""Equal recordings are found whatever their container; groups are shared out fairly."""

import shutil

import numpy as np
import pytest
import soundfile

from magtfnet import AudioError, SplitError, protocols
from magtfnet.corpora import Utterance
from magtfnet.corpora.duplicates import find_duplicates, overlapping
from magtfnet.corpora.folds import group_by, share_out


def utterance(path, start=None, end=None, **known):
    return Utterance(
        id=f"{path.name}{start or ''}", path=path, emotion="anger", start=start, end=end, **known
    )


def test_equal_samples_are_found_under_any_container(tmp_path, generator):
    samples = (generator.normal(size=4_000) * 3_000).astype(np.int16)
    for name in ("a.wav", "b.flac", "c.aiff"):
        soundfile.write(tmp_path / name, samples, 16_000)
    soundfile.write(tmp_path / "same_length.wav", samples[::-1], 16_000)
    soundfile.write(tmp_path / "same_samples_other_rate.wav", samples, 8_000)
    found = find_duplicates([utterance(path) for path in sorted(tmp_path.iterdir())])
    assert set(found) == {"a.wav", "b.flac", "c.aiff"}
    assert len(set(found.values())) == 1


def test_only_candidates_are_decoded(tmp_path, generator, monkeypatch):
    for i in range(5):
        soundfile.write(tmp_path / f"{i}.wav", generator.normal(size=1_000 + i), 16_000)
    monkeypatch.setattr(Utterance, "read", lambda self: pytest.fail("decoded"))
    assert find_duplicates([utterance(path) for path in tmp_path.iterdir()]) == {}


def test_parts_with_equal_samples_are_found(tmp_path):
    tone = np.sin(np.arange(16_000) / 10)
    soundfile.write(tmp_path / "x.wav", np.r_[tone, np.zeros(1_000), tone], 16_000)
    path = tmp_path / "x.wav"
    parts = [
        utterance(path, 0.0, 1.0, session="1"),
        utterance(path, 17_000 / 16_000, 33_000 / 16_000, session="2"),
    ]
    assert len(find_duplicates(parts)) == 2


def test_overlapping_parts_of_a_file_belong_together(tmp_path):
    path, other = tmp_path / "x.wav", tmp_path / "y.wav"
    parts = [
        utterance(path, 0.1, 2.0),
        utterance(path, 2.0, 3.0),  # touches, does not overlap
        utterance(path, 2.5, 9.0),
        utterance(path, 3.0, 4.0),
        utterance(path, 8.0, 8.5),
        utterance(other, 0.2, 2.0),
    ]
    keys = overlapping(parts)
    assert set(keys) == {"x.wav2.0", "x.wav2.5", "x.wav3.0", "x.wav8.0"}
    assert len(set(keys.values())) == 1


def test_a_link_is_the_same_recording(tmp_path, generator):
    soundfile.write(tmp_path / "a.wav", generator.normal(size=16_000), 16_000)
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    parts = [utterance(tmp_path / "a.wav", 0.0, 0.9), utterance(tmp_path / "b.wav", 0.1, 0.95)]
    assert len(find_duplicates(parts)) == 2


def test_parts_of_a_copy_overlap_with_those_of_the_original(tmp_path, generator):
    for name, rate in (("call.wav", 16_000), ("other.wav", 16_000)):
        soundfile.write(tmp_path / name, generator.normal(size=48_000) / 9, rate)
    shutil.copy(tmp_path / "call.wav", tmp_path / "copy.wav")
    parts = [
        utterance(tmp_path / "call.wav", 0.0, 2.0),
        utterance(tmp_path / "copy.wav", 0.5, 2.6),
        utterance(tmp_path / "other.wav", 0.5, 2.6),
    ]
    assert set(find_duplicates(parts)) == {part.id for part in parts[:2]}


def test_a_part_that_reaches_past_the_end_is_compared_as_it_is_read(tmp_path, generator):
    samples = generator.normal(size=8_000)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    soundfile.write(tmp_path / "b.wav", samples, 16_000)
    parts = [utterance(tmp_path / "a.wav"), utterance(tmp_path / "b.wav", 0.0, 0.505)]
    assert len(find_duplicates(parts)) == 2


def test_an_unreadable_recording_is_named(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"no audio")
    with pytest.raises(AudioError, match=r"a\.wav: not audio"):
        find_duplicates([utterance(tmp_path / name) for name in ("a.wav", "b.wav")])


def test_ravdess_has_its_known_pair(ravdess_root):
    from magtfnet import load_corpus

    found = find_duplicates(load_corpus("ravdess", ravdess_root))
    assert set(found) == {"03-01-03-01-02-01-07", "03-01-03-01-02-02-07"} or len(found) == 2
    assert all(id_.endswith("-07") for id_ in found)


def made(**by_key):
    count = len(next(iter(by_key.values())))
    return [
        Utterance(
            id=str(i), path=str(i), emotion="anger", **{key: values[i] for key, values in by_key.items()}
        )
        for i in range(count)
    ]


def test_groups_join_through_any_key():
    utterances = made(speaker=["a", "b", "c", "d", None], sentence=["1", "2", "2", "3", None])
    groups = group_by(utterances, [lambda u: u.speaker, lambda u: u.sentence])
    assert [[u.id for u in group] for group in groups] == [["0"], ["1", "2"], ["3"], ["4"]]


def singles(counts):
    return [
        (Utterance(id=f"{emotion}{i}", path="x", emotion=emotion),)
        for emotion, count in counts.items()
        for i in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_every_class_has_its_share(seed):
    counts = {
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happiness": 71,
        "neutral": 79,
        "sadness": 62,
    }
    parts = share_out(singles(counts), (0.8, 0.1, 0.1), seed)
    for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - share * 535) <= 1  # the paper tests 54 of 535
    for emotion, count in counts.items():
        for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
            assert abs(sum(u.emotion == emotion for u in part) - share * count) <= 1


def test_rare_classes_reach_every_part():
    parts = share_out(singles({"anger": 100, "fear": 3}), (0.8, 0.1, 0.1), 0)
    assert [sum(u.emotion == "fear" for u in part) for part in parts] == [1, 1, 1]


def test_no_part_stays_empty_when_one_group_outweighs_the_rest():
    groups = [tuple(u for single in singles({"anger": n, "fear": n}) for u in single) for n in (500, 2, 1)]
    assert sorted(len(part) for part in share_out(groups, (1 / 3,) * 3, 0)) == [2, 4, 1000]


def test_too_few_groups_are_refused():
    with pytest.raises(SplitError, match="2 groups cannot be shared out among 3 parts; use fewer folds"):
        share_out(singles({"anger": 2}), (1 / 3,) * 3, 0)


def test_blanks_around_folds_and_ids_are_no_folds_of_their_own(synthetic, tmp_path):
    lines = [f" {u.id},{' a' if n % 3 else 'a '}" if n % 2 else f"{u.id},b" for n, u in enumerate(synthetic)]
    (tmp_path / "folds.csv").write_text("\n".join(["id,fold", *lines]) + "\n")
    assert len(protocols.folds_from(synthetic, file=tmp_path / "folds.csv")) == 2
