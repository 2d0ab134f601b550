"""What each lever on accuracy is worth, by validation alone: writes the table of docs/accuracy.md.

``python -m benchmarks.accuracy PROTOCOLS`` takes EmoBox's first fold of EMO-DB and of RAVDESS, leaves its test
part unread, and divides its training part into five inner folds three times anew: at random (EMO-DB), and by
speakers (both). Each inner fold is predicted by a machine fitted on the other four. A figure is the mean over the
three divisions with their standard deviation. Nothing is chosen in here; the settings are the same in every row.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, StratifiedKFold

from benchmarks.inner import classes_of, first_training_part
from benchmarks.pages import write_between
from magtfnet.audio.augment import CHANGES
from magtfnet.audio.prepare import prepare
from magtfnet.classical.functionals_kernel_ridge import fit_kernel_ridge
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.corpora import Utterance
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.features import FrontEnd

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.accuracy writes from here -->", "<!-- to here -->"
DIVISIONS = 3
RIDGE, GAMMA = 0.1, 1.0

Floats = npt.NDArray[np.float64]
PLAYED = (None, "slower", "faster")
"""Copies at three speeds; None is the recording as it is."""
GROUPS = {
    "log-Mel bands": ("log_mel_",),
    "cepstrum": ("mfcc_", "voiced_mfcc_"),
    "pitch and voice quality": ("voiced_f0", "voiced_jitter", "voiced_shimmer", "voiced_harm", "voiced_h1"),
    "statistics of voiced frames": ("voiced_",),
}


@dataclass(frozen=True)
class Task:
    """The training part of one fold, for a way of dividing it.

    Args:
        title: heads the column.
        utterances: of the part.
        classes: of each (N,).
        apart: whether inner folds keep speakers apart.
        features: by change, of all there are and of none, the functionals of every utterance (N, F).
        paper: the paper's functionals (N, 24).
    """

    title: str
    utterances: Sequence[Utterance]
    classes: npt.NDArray[np.int64]
    apart: bool
    features: dict[str | None, Floats]
    paper: Floats

    def divisions(self) -> list[list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]]:
        """Return each division's folds: what is learnt from, and what is predicted."""
        if self.apart:
            speakers = [utterance.speaker for utterance in self.utterances]
            folds = [GroupKFold(5, shuffle=True, random_state=seed) for seed in range(DIVISIONS)]
            return [list(fold.split(self.classes, groups=speakers)) for fold in folds]
        stratified = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(DIVISIONS)]
        return [list(fold.split(self.classes, self.classes)) for fold in stratified]


Lever = Callable[[Task], tuple[list[Floats], list[Floats]]]
"""Gives the features to learn from, one or more copies (N, F), and those to predict from."""


def levers(names: Sequence[str]) -> dict[str, Lever]:
    """Return the rows of the table by their titles."""
    rows: dict[str, Lever] = {
        "the paper's 24 functionals": lambda task: ([task.paper], [task.paper]),
        "extended functionals": lambda task: ([task.features[None]], [task.features[None]]),
    }
    for title, starts in GROUPS.items():
        kept = np.array([not name.startswith(starts) for name in names])
        rows[f"extended without {title}"] = lambda task, kept=kept: (
            [task.features[None][:, kept]],
            [task.features[None][:, kept]],
        )
    rows["extended, copies at 0.92 and 1.08 times the speed"] = lambda task: (
        [task.features[change] for change in PLAYED],
        [task.features[None]],
    )
    rows["the same, and a copy with noise"] = lambda task: (
        list(task.features.values()),
        [task.features[None]],
    )
    rows["the same, predicted at all three speeds"] = lambda task: (
        list(task.features.values()),
        [task.features[change] for change in PLAYED],
    )
    return rows


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    front_end = FrontEnd(AudioConfig(), FeatureConfig(functionals="extended"))
    tasks = []
    for name, title in (("emodb", "EMO-DB"), ("ravdess", "RAVDESS")):
        corpus, part = first_training_part(name, protocol_files, corpora)
        features = {change: _functionals(part, front_end, change) for change in (None, *CHANGES)}
        paper = _functionals(part, FrontEnd())
        classes = classes_of(corpus, part)
        if name == "emodb":
            tasks.append(Task(f"{title}, speakers shared", part, classes, False, features, paper))
        tasks.append(Task(f"{title}, speakers apart", part, classes, True, features, paper))
    lines = [
        f"| lever | {' | '.join(f'{task.title}, WA' for task in tasks)} | UA |",
        f"|---{'|---' * (len(tasks) + 1)}|",
    ]
    for title, lever in levers(front_end.functional_names).items():
        scores = [_scores(task, lever) for task in tasks]
        accuracies = " | ".join(_spread([wa for wa, _ in of_task]) for of_task in scores)
        recalls = " / ".join(f"{100 * np.mean([ua for _, ua in of_task]):.1f}" for of_task in scores)
        lines.append(f"| {title} | {accuracies} | {recalls} |")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def _functionals(part: Sequence[Utterance], front_end: FrontEnd, change: str | None = None) -> Floats:
    rows = []
    for number, utterance in enumerate(part):
        waveform = prepare(utterance.read(), AudioConfig())
        if change is not None:
            waveform = CHANGES[change](waveform, np.random.default_rng(number))
        rows.append(front_end.extract(waveform).functionals[0].double().numpy())
    return np.stack(rows)


def _scores(task: Task, lever: Lever) -> list[tuple[float, float]]:
    """Return WA and UA of each division, over all its folds."""
    learnt, asked = lever(task)
    one_hot = np.eye(task.classes.max() + 1)[task.classes]
    scores = []
    for folds in task.divisions():
        answers = np.zeros(one_hot.shape)
        for rest, held_out in folds:
            rows = np.concatenate([copy[rest] for copy in learnt])
            machine = fit_kernel_ridge(rows, np.tile(one_hot[rest], (len(learnt), 1)), RIDGE, GAMMA)
            answers[held_out] = sum(machine.scores(copy[held_out]) for copy in asked)
        confusion = confusion_matrix(task.classes.tolist(), answers.argmax(axis=1).tolist(), one_hot.shape[1])
        scores.append((weighted_accuracy(confusion), unweighted_accuracy(confusion)))
    return scores


def _spread(shares: Sequence[float]) -> str:
    return f"{100 * np.mean(shares):.1f} ± {100 * np.std(shares, ddof=1):.1f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
