"""What each lever on accuracy is worth, by validation alone: writes the table of docs/accuracy.md.

``python -m benchmarks.accuracy PROTOCOLS`` takes EmoBox's first fold of EMO-DB and of RAVDESS, leaves its test
part unread, and divides its training part into five inner folds three times anew (``benchmarks/divisions.py``). A
figure is the mean over the three divisions with their standard deviation. Nothing is chosen in here; the settings are
the same in every row. In brackets is what a row differs by from the one that it builds on, paired by division.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.divisions import Scores, Task, row_of, scores_of_divisions, tasks_of
from benchmarks.inner import Floats, Places
from benchmarks.pages import write_between
from magtfnet.audio.augment import CHANGES
from magtfnet.classical.kernel_machine import fit_kernel_ridge
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.features import FrontEnd

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
BEGIN, END = "<!-- python -m benchmarks.accuracy writes from here -->", "<!-- to here -->"
RIDGE, GAMMA = 0.1, 1.0

PLAYED = (None, "slower", "faster")
"""Copies at three speeds; None is the recording as it is."""
KEPT = (*PLAYED, "noise")
FURTHER = {
    "room": "in a room",
    "telephone": "by telephone (300 to 3,400 Hz, mu-law)",
    "band": "without one band of 10 to 27 % of the mel scale",
    "excerpt": "of 50 to 90 % of its length",
}
GROUPS = {
    "log-Mel bands": ("log_mel_",),
    "cepstrum": ("mfcc_", "voiced_mfcc_"),
    "pitch and voice quality": ("voiced_f0", "voiced_jitter", "voiced_shimmer", "voiced_harm", "voiced_h1"),
    "statistics of voiced frames": ("voiced_",),
}


Lever = Callable[[Task], tuple[list[Floats], list[Floats]]]
"""Gives the features to learn from, one or more copies (N, F), and those to predict from."""
EXTENDED, PLAIN_COPIES = "extended functionals", "the same, and a copy with noise"


def levers(names: Sequence[str]) -> dict[str, tuple[Lever, str | None]]:
    """Return the rows of the table by their titles, each with the title of the row that it differs from."""

    def without(starts: tuple[str, ...]) -> Lever:
        kept = np.array([not name.startswith(starts) for name in names])
        return lambda task: ([task.features[None][:, kept]], [task.features[None][:, kept]])

    def learning(*changes: str | None) -> Lever:
        return lambda task: ([task.features[change] for change in changes], [task.features[None]])

    played = "extended, copies at 0.92 and 1.08 times the speed"
    return {
        "the paper's 24 functionals": (lambda task: ([task.paper], [task.paper]), None),
        EXTENDED: (learning(None), "the paper's 24 functionals"),
        **{f"extended without {title}": (without(starts), EXTENDED) for title, starts in GROUPS.items()},
        played: (learning(*PLAYED), EXTENDED),
        PLAIN_COPIES: (learning(*KEPT), played),
        "the same, predicted at all three speeds": (
            lambda task: (
                [task.features[change] for change in KEPT],
                [task.features[change] for change in PLAYED],
            ),
            PLAIN_COPIES,
        ),
        **{
            f"those three copies, and one {title}": (learning(*KEPT, change), PLAIN_COPIES)
            for change, title in FURTHER.items()
        },
        "all seven copies": (learning(*KEPT, *FURTHER), PLAIN_COPIES),
    }


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    front_end = FrontEnd(AudioConfig(), FeatureConfig(functionals="extended"))
    tasks = tasks_of(protocol_files, corpora, front_end, CHANGES)
    lines = [
        f"| lever | {' | '.join(f'{task.title}, WA' for task in tasks)} | UA |",
        f"|---{'|---' * (len(tasks) + 1)}|",
    ]
    scores: dict[str, list[Scores]] = {}
    for title, (lever, before) in levers(front_end.functional_names).items():
        scores[title] = [_scores(task, lever) for task in tasks]
        lines.append(row_of(title, scores[title], None if before is None else scores[before]))
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def _scores(task: Task, lever: Lever) -> Scores:
    """Return WA and UA of each division, over all its folds."""
    learnt, asked = lever(task)
    one_hot = task.one_hot()

    def answers(rest: Places, held_out: Places) -> Floats:
        rows = np.concatenate([copy[rest] for copy in learnt])
        machine = fit_kernel_ridge(rows, np.tile(one_hot[rest], (len(learnt), 1)), RIDGE, GAMMA)
        return sum(machine.scores(copy[held_out]) for copy in asked)

    return scores_of_divisions(task, answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["MAGTFNET_CORPORA"]))
