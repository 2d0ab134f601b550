"""The levers of ``benchmarks/targets.py`` on vectors whose classes and speakers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import targets
from benchmarks.accuracy import KEPT
from benchmarks.divisions import Task, row_of, scores_of_divisions
from sklearn.kernel_ridge import KernelRidge

SPEAKERS, CLASSES, EACH = 8, 3, 5


@pytest.fixture
def task(tmp_path, generator):
    (tmp_path / "wav").mkdir()
    utterances = [
        SimpleNamespace(
            speaker=f"s{speaker}",
            sex="female" if speaker % 2 else "male",
            path=tmp_path / "wav" / f"{number}.wav",
        )
        for speaker in range(SPEAKERS)
        for number in range(speaker * CLASSES * EACH, (speaker + 1) * CLASSES * EACH)
    ]
    classes = np.tile(np.repeat(np.arange(CLASSES), EACH), SPEAKERS)
    vectors = generator.normal(size=(len(classes), 40))
    vectors[:, :CLASSES] += 8 * np.eye(CLASSES)[classes]
    vectors[:, 10:14] += np.repeat(generator.normal(0, 8, size=(SPEAKERS, 4)), CLASSES * EACH, axis=0)
    features = {change: vectors + 0.1 * generator.normal(size=vectors.shape) for change in KEPT}
    lines = [
        f"{number}\xa0\t{number}.wav\t{90 - number % 40},00\xa0\t50,00" for number in range(len(classes))
    ]
    (tmp_path / "erkennung.txt").write_text(
        "\n".join(["Nr.\tSatz\terkannt\tnatuerlich", *lines]), encoding="latin-1"
    )
    return Task("made up, speakers apart", utterances, classes, True, features, vectors)


def test_speakers_are_apart_in_every_division_and_everyone_is_asked_once(task):
    speakers = task.speakers()
    divisions = task.divisions()
    assert len(divisions) == 3
    assert len({tuple(fold[1].tolist()) for folds in divisions for fold in folds}) > 5, "divided anew"
    for folds in divisions:
        assert sorted(np.concatenate([asked for _, asked in folds])) == list(range(len(speakers)))
        for rest, asked in folds:
            assert not set(speakers[rest]) & set(speakers[asked])


@pytest.mark.parametrize("lever", targets.ROWS.values(), ids=lambda lever: lever.__name__)
def test_every_lever_tells_what_is_plain(task, lever, monkeypatch):
    monkeypatch.setattr(targets, "WHITENED", 20)
    monkeypatch.setattr(targets, "SPEAKER_DIRECTIONS", 4)
    scores = scores_of_divisions(task, lambda rest, asked: lever(task, rest, asked))
    assert min(wa for wa, _ in scores) > 0.9


def test_recognition_rates_are_read_by_file(task):
    assert targets._recognition(task)[[0, 1, 41]].tolist() == [0.90, 0.89, 0.89]


@pytest.fixture
def learn(task, monkeypatch):
    """Return what a lever gives the regression that learns everything: vectors, targets above the prior, weights."""
    fit, seen = KernelRidge.fit, []

    def watched(self, vectors, targets, sample_weight=None):
        seen.append((vectors, targets, sample_weight))
        return fit(self, vectors, targets, sample_weight)

    monkeypatch.setattr(KernelRidge, "fit", watched)
    monkeypatch.setattr(targets, "WHITENED", 20)
    everything = np.arange(len(task.classes))

    def learn(lever):
        lever(task, everything, everything)
        return seen[-1]

    return learn


def spread_of_speakers(task, vectors):
    """Return how much the means of speakers differ, in deviations of the vectors."""
    speakers = np.tile(task.speakers(), len(KEPT))
    means = [vectors[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)]
    return np.std(means, axis=0).max() / vectors.std()


def within_classes(task, vectors):
    classes = np.tile(task.classes, len(KEPT))
    centred = vectors - np.stack([vectors[classes == k].mean(axis=0) for k in range(CLASSES)])[classes]
    return np.cov(centred.T)


def test_a_speakers_directions_are_gone(task, learn):
    assert spread_of_speakers(task, learn(targets.plain)[0]) > 0.5
    assert spread_of_speakers(task, learn(targets.without_speakers)[0]) < 0.1


def test_a_speakers_mean_is_gone(task, learn):
    assert spread_of_speakers(task, learn(targets.centred_speakers)[0]) < 0.01


def test_whitening_reaches_the_regression(task, learn):
    before, after = (within_classes(task, learn(lever)[0]) for lever in (targets.principal, targets.whitened))
    assert np.linalg.cond(before) > 10
    assert np.linalg.cond(after) < 4  # 1 but for the shrinkage


def test_every_class_weighs_alike(task, learn):
    task.classes[task.classes == 2] = np.tile([0, 2], np.sum(task.classes == 2) // 2)
    _, above, weights = learn(targets.balanced)
    classes = above.argmax(axis=1)
    sums = [weights[classes == k].sum() for k in range(CLASSES)]
    assert len(set(np.bincount(classes))) > 1
    np.testing.assert_allclose(sums, sums[0])


def test_listeners_share_what_they_did_not_hear(task, learn):
    _, above, _ = learn(targets.listeners)
    rows = above[: len(task.classes)]
    given = rows - rows.min(axis=1, keepdims=True)  # the prior is not alike for all
    heard = targets._recognition(task)
    np.testing.assert_allclose(given.max(axis=1), heard - (1 - heard) / 2, atol=0.02)
    assert (given.argmax(axis=1) == task.classes).all()


def test_an_emotion_of_each_sex_is_a_class(task, learn):
    _, above, _ = learn(targets.emotion_and_sex)
    female = np.tile([utterance.sex == "female" for utterance in task.utterances], len(KEPT))
    classes = np.tile(task.classes, len(KEPT))
    assert (above.argmax(axis=1) == np.where(female, classes, classes + CLASSES)).all()


def test_mixtures_stay_within_their_class_or_share_it(task, learn):
    within, of_within, _ = learn(targets.mixed_within)
    _, of_across, _ = learn(targets.mixed_across)
    half = len(within) // 2
    assert np.array_equal(of_within[half:], of_within[:half])
    assert ((within[half:, :CLASSES].argmax(axis=1) == of_within[half:].argmax(axis=1)).mean()) > 0.99
    assert np.allclose(of_across.sum(axis=1), 0)
    assert len(np.unique(of_across[:half].round(6), axis=0)) == CLASSES
    assert len(np.unique(of_across[half:].round(6), axis=0)) > 100


def test_a_row_has_means_spreads_and_a_dash_where_nothing_is():
    row = row_of("lever", [[(0.5, 0.4), (0.7, 0.6), (0.6, 0.5)], []])
    assert row == "| lever | 60.0 ± 10.0 | - | 50.0 / - |"
    paired = row_of("lever", [[(0.5, 0.4), (0.7, 0.6)], []], [[(0.4, 0.0), (0.7, 0.0)], []])
    assert paired == "| lever | 60.0 ± 14.1 (+5.0 ± 7.1) | - | 50.0 / - |"
