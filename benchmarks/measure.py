"""Timing two things against each other: alternately, several times, wall and CPU seconds."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of one of the things that were timed, a number a round."""

    wall: Sequence[float]
    cpu: Sequence[float]

    @property
    def median(self) -> float:
        """The median wall seconds."""
        return statistics.median(self.wall)

    @property
    def cpu_median(self) -> float:
        """The median CPU seconds, of all threads together."""
        return statistics.median(self.cpu)

    @property
    def spread(self) -> float:
        """Half the range of the wall seconds, as a share of the median."""
        return (max(self.wall) - min(self.wall)) / 2 / self.median


def alternately(things: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, Timing]:
    """Time each thing once a round, after a round that is not counted."""
    wall: dict[str, list[float]] = {name: [] for name in things}
    cpu: dict[str, list[float]] = {name: [] for name in things}
    for number in range(rounds + 1):
        for name, thing in things.items():
            start, cpu_start = time.perf_counter(), _cpu_seconds()
            thing()
            seconds, cpu_seconds = time.perf_counter() - start, _cpu_seconds() - cpu_start
            if number:
                wall[name].append(seconds)
                cpu[name].append(cpu_seconds)
    return {name: Timing(wall[name], cpu[name]) for name in things}


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the children that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def in_a_process(module: str, *arguments: str) -> dict[str, float]:
    """Run a module of ours in a fresh process, for its own peak of memory; return the JSON that it prints last."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values
