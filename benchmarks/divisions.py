"""A training part divided into five inner folds three times anew, and what is answered there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.inner import Floats, Places, classes_of, first_training_part, inner_folds
from magtfnet.audio.augment import CHANGES
from magtfnet.audio.prepare import prepare
from magtfnet.config import AudioConfig
from magtfnet.corpora import Utterance
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.features import FrontEnd

DIVISIONS = 3

Scores = Sequence[tuple[float, float]]
"""WA and UA of each division."""


@dataclass(frozen=True)
class Task:
    """The training part of one fold, for a way of dividing it.

    Args:
        title: heads the column.
        utterances: of the part.
        classes: of each (N,).
        apart: whether inner folds keep speakers apart.
        features: by change, and by None for the recording as it is, the functionals of every utterance (N, F).
        paper: the paper's functionals (N, 24).
    """

    title: str
    utterances: Sequence[Utterance]
    classes: Places
    apart: bool
    features: dict[str | None, Floats]
    paper: Floats

    def divisions(self) -> list[list[tuple[Places, Places]]]:
        """Return each division's folds: what is learnt from, and what is asked."""
        return [
            inner_folds(self.classes, self.utterances, self.apart, division) for division in range(DIVISIONS)
        ]

    def speakers(self) -> npt.NDArray[np.str_]:
        """Return the speaker of every utterance, (N,)."""
        return np.array([utterance.speaker for utterance in self.utterances])

    def one_hot(self) -> Floats:
        """Return one column a class, (N, K)."""
        columns: Floats = np.eye(self.classes.max() + 1)[self.classes]
        return columns


def scores_of_divisions(task: Task, answers: Callable[[Places, Places], Floats]) -> list[tuple[float, float]]:
    """Return WA and UA of each division, over all its folds.

    Args:
        task: what is divided.
        answers: maps the places of what is learnt from (L,) and of what is asked (A,) to scores (A, K).
    """
    scores = []
    for folds in task.divisions():
        told = np.zeros_like(task.one_hot())
        for rest, held_out in folds:
            told[held_out] = answers(rest, held_out)
        confusion = confusion_matrix(task.classes.tolist(), told.argmax(axis=1).tolist(), told.shape[1])
        scores.append((weighted_accuracy(confusion), unweighted_accuracy(confusion)))
    return scores


def tasks_of(protocol_files: Path, corpora: Path, front_end: FrontEnd, changes: Iterable[str]) -> list[Task]:
    """Return the training parts of both corpora, EMO-DB's divided in both ways, with copies of these changes."""
    tasks = []
    for name, title in (("emodb", "EMO-DB"), ("ravdess", "RAVDESS")):
        corpus, part = first_training_part(name, protocol_files, corpora)
        features = {change: _functionals_of(part, front_end, change) for change in (None, *changes)}
        shared = Task(
            f"{title}, speakers shared",
            part,
            classes_of(corpus, part),
            False,
            features,
            _functionals_of(part, FrontEnd()),
        )
        if name == "emodb":
            tasks.append(shared)
        tasks.append(replace(shared, title=f"{title}, speakers apart", apart=True))
    return tasks


def row_of(title: str, scores: Sequence[Scores], before: Sequence[Scores] | None = None) -> str:
    """Return a line: WA of each task with its spread, and UA of all in the last column; a dash where there are none.

    Args:
        title: of the row.
        scores: of each task, by division.
        before: of the row that this one differs from; the divisions' paired differences follow in brackets, their mean
            and spread.
    """
    columns = []
    for number, of_task in enumerate(scores):
        column = _spread([wa for wa, _ in of_task]) if of_task else "-"
        if before is not None and of_task:
            pairs = zip(of_task, before[number], strict=True)
            column += f" ({_spread([wa - old for (wa, _), (old, _) in pairs], sign='+')})"
        columns.append(column)
    recalls = " / ".join(
        f"{100 * np.mean([ua for _, ua in of_task]):.1f}" if of_task else "-" for of_task in scores
    )
    return f"| {title} | {' | '.join(columns)} | {recalls} |"


def _functionals_of(part: Sequence[Utterance], front_end: FrontEnd, change: str | None = None) -> Floats:
    """Return the functionals (N, F) of every recording, or of its changed copy."""
    rows = []
    for number, utterance in enumerate(part):
        waveform = prepare(utterance.read(), AudioConfig())
        if change is not None:
            waveform = CHANGES[change](waveform, np.random.default_rng(number))
        rows.append(front_end.extract(waveform).functionals[0].double().numpy())
    return np.stack(rows)


def _spread(shares: Sequence[float], sign: str = "") -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * np.mean(shares):{sign}.1f} ± {100 * np.std(shares, ddof=1):.1f}"
