"""What each lever on accuracy is worth, by validation alone: writes the table of docs/accuracy.md.

``python -m benchmarks.accuracy PROTOCOLS`` takes EmoBox's first fold of EMO-DB and of RAVDESS, leaves its test
part unread, and divides its training part into five inner folds three times anew (``benchmarks/divisions.py``). A
figure is the mean over the three divisions with their standard deviation. Nothing is chosen in here; the settings are
the same in every row.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.divisions import Floats, Places, Task, row_of, scores_of_divisions, tasks_of
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
    "band": "without one band (SpecAugment's mask)",
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
        [task.features[change] for change in KEPT],
        [task.features[None]],
    )
    rows["the same, predicted at all three speeds"] = lambda task: (
        [task.features[change] for change in KEPT],
        [task.features[change] for change in PLAYED],
    )
    for change, title in FURTHER.items():
        rows[f"those three copies, and one {title}"] = lambda task, change=change: (
            [task.features[each] for each in (*KEPT, change)],
            [task.features[None]],
        )
    rows["all seven copies"] = lambda task: (list(task.features.values()), [task.features[None]])
    return rows


def main(protocol_files: Path, corpora: Path) -> None:
    """Measure, print, and write the table into the page."""
    front_end = FrontEnd(AudioConfig(), FeatureConfig(functionals="extended"))
    tasks = tasks_of(protocol_files, corpora, front_end, CHANGES)
    lines = [
        f"| lever | {' | '.join(f'{task.title}, WA' for task in tasks)} | UA |",
        f"|---{'|---' * (len(tasks) + 1)}|",
    ]
    for title, lever in levers(front_end.functional_names).items():
        lines.append(row_of(title, [_scores(task, lever) for task in tasks]))
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    write_between(PAGE, BEGIN, END, lines)


def _scores(task: Task, lever: Lever) -> list[tuple[float, float]]:
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
