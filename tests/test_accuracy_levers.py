"""The levers of ``benchmarks/targets.py`` on vectors whose classes and speakers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import targets
from benchmarks.accuracy import KEPT
from benchmarks.divisions import Task, row_of, scores_of_divisions

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


def test_a_speakers_directions_are_gone(task, monkeypatch):
    seen = []
    monkeypatch.setattr(
        targets, "_told", lambda rows, of_classes, asked: seen.append(rows) or of_classes[: len(asked)]
    )
    rest = np.arange(len(task.classes))
    targets.plain(task, rest, rest)
    targets.without_speakers(task, rest, rest)
    speakers = np.tile(task.speakers(), len(KEPT))
    apart = [
        np.var([rows[speakers == speaker, 10:14].mean(axis=0) for speaker in np.unique(speakers)])
        for rows in seen
    ]
    assert apart[1] < 1e-3 * apart[0]


def test_mixtures_stay_within_their_class_or_share_it(task, monkeypatch):
    seen = []
    monkeypatch.setattr(targets, "_told", lambda rows, of_classes, asked: seen.append((rows, of_classes)))
    rest = np.arange(len(task.classes))
    targets.mixed_within(task, rest, rest)
    targets.mixed_across(task, rest, rest)
    (within, of_within), (_, of_across) = seen
    half = len(within) // 2
    assert np.array_equal(of_within[half:], of_within[:half])
    assert ((within[half:, :CLASSES].argmax(axis=1) == of_within[half:].argmax(axis=1)).mean()) > 0.99
    assert np.allclose(of_across.sum(axis=1), 1)
    assert ((of_across[half:] > 0.01) & (of_across[half:] < 0.99)).any()


def test_a_row_has_means_spreads_and_a_dash_where_nothing_is():
    row = row_of("lever", [[(0.5, 0.4), (0.7, 0.6), (0.6, 0.5)], []])
    assert row == "| lever | 60.0 ± 10.0 | - | 50.0 / - |"
