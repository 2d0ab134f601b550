"""What every registered protocol must do: leak nothing, test everyone once, and depend on the seed alone."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magtfnet import protocols
from magtfnet.corpora import Corpus, CorpusInfo, Utterance
from magtfnet.corpora.protocols import PROTOCOLS
from magtfnet.labels import LabelSet

DISJOINT = {
    "speaker_dependent_8_1_1": (),
    "speaker_dependent_k_fold": (),
    "leave_one_speaker_out": ("speaker",),
    "speaker_independent_k_fold": ("speaker",),
    "leave_one_session_out": ("session",),
    "sentence_independent_k_fold": ("sentence",),
    "speaker_and_sentence_independent": ("speaker", "sentence"),
    "folds_from": (),
}


def make_corpus(speakers=8, sentences=6, emotions=("anger", "neutral", "sadness"), takes=1):
    """A corpus without recordings; two speakers a session."""
    utterances = tuple(
        Utterance(
            id=f"{s}-{t}-{e}-{k}",
            path=f"/nowhere/{s}-{t}-{e}-{k}.wav",
            emotion=e,
            speaker=f"s{s:02d}",
            sentence=f"t{t:02d}",
            session=f"session{s // 2}",
        )
        for s in range(speakers)
        for t in range(sentences)
        for e in emotions
        for k in range(takes)
    )
    info = CorpusInfo(name="made", title="made", licence="none", source="nowhere")
    return Corpus(info, "/nowhere", utterances, LabelSet.of(emotions))


@pytest.fixture(params=list(PROTOCOLS))
def splits(request, tmp_path):
    corpus = make_corpus()
    options = {}
    if request.param == "folds_from":
        options["file"] = tmp_path / "folds.csv"
        rows = [f"{u.id},{i % 4}" for i, u in enumerate(corpus)]
        options["file"].write_text("\n".join(["id,fold", *rows]))
    return request.param, corpus, PROTOCOLS[request.param](corpus, seed=3, duplicates={}, **options)


def test_every_protocol_is_listed_here():
    assert set(DISJOINT) == set(PROTOCOLS)


def test_no_two_parts_share_anything_they_must_not(splits):
    name, _, made = splits
    for split in made:
        assert split.disjoint_by == DISJOINT[name]
        for key in ("id", *DISJOINT[name]):
            train, validation, test = ({getattr(u, key) for u in part} for part in split.parts().values())
            assert not train & validation | train & test | validation & test


def test_every_utterance_is_tested_once(splits):
    name, corpus, made = splits
    tested = Counter(u.id for split in made for u in split.test)
    assert set(tested.values()) == {1}
    if name != "speaker_dependent_8_1_1":
        assert len(tested) == len(corpus)


def test_every_part_has_every_class(splits):
    _, corpus, made = splits
    for split in made:
        for part in split.parts().values():
            assert {u.emotion for u in part} == set(corpus.labels.classes)


def test_splits_save_and_load(splits, tmp_path):
    _, corpus, made = splits
    for split in made:
        split.save(tmp_path / "split.csv")
        assert type(split).load(tmp_path / "split.csv", corpus, duplicates={}) == split


@pytest.mark.parametrize("name", [n for n in PROTOCOLS if n not in ("folds_from", "leave_one_speaker_out")])
def test_the_seed_decides(name):
    corpus = make_corpus()
    made = [PROTOCOLS[name](corpus, seed=seed, duplicates={}) for seed in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize("name", [n for n in PROTOCOLS if n != "folds_from"])
def test_equal_recordings_stay_together(name):
    """Each utterance of the first speaker equals another of the same speaker, sentence by sentence."""
    corpus = make_corpus(takes=2)
    copies = {u.id: u.id[:-2] for u in corpus if u.speaker == "s00"}
    for split in PROTOCOLS[name](corpus, seed=0, duplicates=copies):
        sides = {u.id: side for side, part in split.parts().items() for u in part}
        for id_, key in copies.items():
            assert len({sides.get(other) for other, k in copies.items() if k == key}) == 1, (name, id_)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_speakers_of_any_size_are_kept_apart(data):
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=4, max_size=12))
    folds = data.draw(st.integers(2, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    utterances = tuple(
        Utterance(
            id=f"{s}-{i}",
            path=f"{s}-{i}",
            emotion="fear" if i and rng.random() < 0.3 else "anger",
            speaker=str(s),
        )
        for s, size in enumerate(sizes)
        for i in range(size)
    )
    utterances += tuple(
        Utterance(id=f"{s}-f", path=f"{s}-f", emotion="fear", speaker=str(s)) for s in range(len(sizes))
    )
    info = CorpusInfo(name="made", title="made", licence="none", source="nowhere")
    corpus = Corpus(info, "/nowhere", utterances, LabelSet(("anger", "fear")))
    made = protocols.speaker_independent_k_fold(corpus, folds=folds, seed=0, duplicates={})
    assert Counter(u.id for split in made for u in split.test) == Counter(u.id for u in utterances)
    assert all(part for split in made for part in split.parts().values())
