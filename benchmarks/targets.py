"""Levers on what is learnt from vectors and on whom: mixtures, soft labels, further tasks, speakers.

``MAGTFNET_CORPORA=CORPORA python -m benchmarks.targets PROTOCOLS`` scores kernel ridge regression on extended
functionals and three copies on the divisions of ``benchmarks/accuracy.py``, with one lever at a time, and writes the
table into docs/accuracy.md. Nothing is chosen in here.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

from benchmarks.accuracy import GAMMA, KEPT, RIDGE
from benchmarks.divisions import Scores, Task, row_of, scores_of_divisions, tasks_of
from benchmarks.inner import Floats, Places
from benchmarks.pages import write_between
from magtfnet.classical.kernel_machine import cut_off, fit_kernel_ridge
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.features import FrontEnd

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.targets writes from here -->", "<!-- to here: targets -->"
SPEAKER_DIRECTIONS = 10
WHITENED = 400

Lever = Callable[[Task, Places, Places], Floats]
"""Maps a task, the places of what is learnt from (L,) and of what is asked (A,) to scores (A, K)."""


def plain(task: Task, rest: Places, asked: Places) -> Floats:
    """Learn each copy of each utterance, and its class."""
    return _told(*_learnt(task, rest), task.features[None][asked])


def mixed_within(task: Task, rest: Places, asked: Places) -> Floats:
    """Learn as many mixtures of two vectors of one class as well."""
    rows, targets = _learnt(task, rest)
    generator = np.random.default_rng(0)
    partners = np.empty(len(rows), dtype=np.int64)
    for target in np.unique(targets, axis=0):
        of_class = np.flatnonzero((targets == target).all(axis=1))
        partners[of_class] = generator.permutation(of_class)
    mixed = _mixed(rows, partners, generator.uniform(size=(len(rows), 1)))
    return _told(np.vstack((rows, mixed)), np.vstack((targets, targets)), task.features[None][asked])


def mixed_across(task: Task, rest: Places, asked: Places) -> Floats:
    """Learn as many mixtures of any two vectors and of their classes as well (mixup, Zhang et al., ICLR 2018)."""
    rows, targets = _learnt(task, rest)
    generator = np.random.default_rng(0)
    partners, shares = generator.permutation(len(rows)), generator.beta(0.2, 0.2, size=(len(rows), 1))
    mixed, of_both = _mixed(rows, partners, shares), _mixed(targets, partners, shares)
    return _told(np.vstack((rows, mixed)), np.vstack((targets, of_both)), task.features[None][asked])


def balanced(task: Task, rest: Places, asked: Places) -> Floats:
    """Weigh every class alike."""
    rows, targets = _learnt(task, rest)
    machine = fit_kernel_ridge(rows, targets, RIDGE, GAMMA)
    scaler, cut, regression = (step for _, step in machine.pipeline.steps)
    weights = (targets / targets.mean(axis=0)).sum(axis=1)
    prior = np.full(targets.shape[1], 1 / targets.shape[1])
    regression.fit(cut.transform(scaler.transform(rows)), targets - prior, weights / weights.mean())
    told: Floats = machine.pipeline.predict(task.features[None][asked]) + prior
    return told


def listeners(task: Task, rest: Places, asked: Places) -> Floats:
    """Give the class the share of listeners who heard it, and the other classes the rest, alike."""
    rows, targets = _learnt(task, rest)
    heard = np.tile(_recognition(task)[rest], len(KEPT))[:, None]
    soft = heard * targets + (1 - heard) * (1 - targets) / (targets.shape[1] - 1)
    return _told(rows, soft, task.features[None][asked])


def emotion_and_sex(task: Task, rest: Places, asked: Places) -> Floats:
    """Learn a class for each emotion of each sex; an emotion's score is its greater one."""
    rows, targets = _learnt(task, rest)
    female = np.array([utterance.sex == "female" for utterance in task.utterances])
    of_rows = np.tile(female[rest], len(KEPT))[:, None]
    told = _told(rows, np.hstack((targets * of_rows, targets * ~of_rows)), task.features[None][asked])
    emotions = targets.shape[1]
    return np.maximum(told[:, :emotions], told[:, emotions:])


def without_speakers(task: Task, rest: Places, asked: Places) -> Floats:
    """Take away the directions in which the means of speakers differ most (nuisance attribute projection)."""
    rows, targets = _learnt(task, rest)
    scaler = StandardScaler().fit(rows)
    vectors = cut_off(scaler.transform(rows))
    within = _without_class_means(vectors, targets)
    speakers = np.tile(task.speakers()[rest], len(KEPT))
    means = np.stack([within[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)])
    directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)[2][:SPEAKER_DIRECTIONS]

    def projected(standard: Floats) -> Floats:
        return standard - (standard @ directions.T) @ directions

    questions = cut_off(scaler.transform(task.features[None][asked]))
    return _told_as_they_are(projected(vectors), targets, projected(questions))


def principal(task: Task, rest: Places, asked: Places) -> Floats:
    """Keep the principal directions alone, what ``whitened`` is to be compared with."""
    rows, targets = _learnt(task, rest)
    reduced = _principal(rows)
    return _told_as_they_are(reduced(rows), targets, reduced(task.features[None][asked]))


def whitened(task: Task, rest: Places, asked: Places) -> Floats:
    """Shrink the directions in which utterances of one class differ (within-class covariance normalisation)."""
    rows, targets = _learnt(task, rest)
    reduced = _principal(rows)
    vectors = reduced(rows)
    values, directions = np.linalg.eigh(
        ledoit_wolf(_without_class_means(vectors, targets), assume_centered=True)[0]
    )
    whiten = directions / np.sqrt(values)
    return _told_as_they_are(vectors @ whiten, targets, reduced(task.features[None][asked]) @ whiten)


def centred_speakers(task: Task, rest: Places, asked: Places) -> Floats:
    """Take from every utterance its speaker's mean, as if all that a speaker ever says were known: no model can."""
    speakers = task.speakers()
    centred = {}
    for change in KEPT:
        centred[change] = task.features[change].copy()
        for speaker in np.unique(speakers):
            centred[change][speakers == speaker] -= centred[change][speakers == speaker].mean(axis=0)
    rows = np.concatenate([centred[change][rest] for change in KEPT])
    return _told(rows, np.tile(task.one_hot()[rest], (len(KEPT), 1)), centred[None][asked])


ROWS: dict[str, Lever] = {
    "extended functionals, three copies": plain,
    "mixtures of two vectors of one class": mixed_within,
    "mixtures of any two vectors (mixup)": mixed_across,
    "classes weighted alike": balanced,
    "listeners' recognition rates as soft labels": listeners,
    "a class for each emotion and sex": emotion_and_sex,
    f"without {SPEAKER_DIRECTIONS} directions of speakers": without_speakers,
    f"{WHITENED} principal directions": principal,
    "these, whitened within classes": whitened,
    "every speaker's mean taken away (cannot be had)": centred_speakers,
}


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    front_end = FrontEnd(AudioConfig(), FeatureConfig(functionals="extended"))
    tasks = tasks_of(protocol_files, corpora, front_end, [change for change in KEPT if change is not None])
    lines = [
        f"| lever | {' | '.join(f'{task.title}, WA' for task in tasks)} | UA |",
        f"|---{'|---' * (len(tasks) + 1)}|",
    ]
    scores: dict[Lever, list[Scores]] = {}
    for title, lever in ROWS.items():
        known = [task for task in tasks if lever is not listeners or task.title.startswith("EMO-DB")]
        by_title = {task.title: scores_of_divisions(task, _asked(lever, task)) for task in known}
        scores[lever] = [by_title.get(task.title, []) for task in tasks]
        before = None if lever is plain else scores[principal if lever is whitened else plain]
        lines.append(row_of(title, scores[lever], before))
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def _asked(lever: Lever, task: Task) -> Callable[[Places, Places], Floats]:
    return lambda rest, asked: lever(task, rest, asked)


def _learnt(task: Task, rest: Places) -> tuple[Floats, Floats]:
    """Return the vectors of all copies, and their classes, one-hot."""
    rows = np.concatenate([task.features[change][rest] for change in KEPT])
    return rows, np.tile(task.one_hot()[rest], (len(KEPT), 1))


def _told(rows: Floats, targets: Floats, asked: Floats) -> Floats:
    return fit_kernel_ridge(rows, targets, RIDGE, GAMMA).scores(asked)


def _told_as_they_are(vectors: Floats, targets: Floats, asked: Floats) -> Floats:
    """As ``_told``, of vectors whose directions keep their deviations; only all together are brought to one."""
    size = np.sqrt(np.mean((vectors - vectors.mean(axis=0)) ** 2))
    regression = KernelRidge(alpha=RIDGE, kernel="rbf", gamma=GAMMA / 2 / vectors.shape[1])
    prior = targets.mean(axis=0)
    told: Floats = regression.fit(vectors / size, targets - prior).predict(asked / size) + prior
    return told


def _principal(rows: Floats) -> Callable[[Floats], Floats]:
    """Return what maps vectors to the principal directions of these rows."""
    scaler = StandardScaler().fit(rows)
    analysis = PCA(WHITENED, svd_solver="covariance_eigh").fit(cut_off(scaler.transform(rows)))

    def reduced(vectors: Floats) -> Floats:
        values: Floats = analysis.transform(cut_off(scaler.transform(vectors)))
        return values

    return reduced


def _without_class_means(vectors: Floats, targets: Floats) -> Floats:
    within: Floats = vectors - targets @ (targets.T @ vectors / targets.sum(axis=0)[:, None])
    return within


def _mixed(values: Floats, partners: Places, shares: Floats) -> Floats:
    mixed: Floats = shares * values + (1 - shares) * values[partners]
    return mixed


def _recognition(task: Task) -> Floats:
    """Return the share of listeners who heard the emotion of each utterance, (N,)."""
    # EMO-DB's table lies beside the folder of its recordings
    file = Path(task.utterances[0].path).parent.parent / "erkennung.txt"
    lines = file.read_text(encoding="latin-1").splitlines()[1:]
    cells = [line.replace("\xa0", "").split("\t") for line in lines if line.strip()]
    shares = {row[1].strip(): float(row[2].replace(",", ".")) / 100 for row in cells}
    return np.array([shares[Path(utterance.path).name] for utterance in task.utterances])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
