"""How many cores this process may use, which is not how many the machine has."""

import os
import sys
from pathlib import Path

MOST_ON_WINDOWS = 61
"""Processes that Python can wait for there."""


def cores() -> int:
    """Return how many cores this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(here, _quota(), MOST_ON_WINDOWS if sys.platform == "win32" else here))


def _quota() -> int:
    """Return the cores that a container may use, as control groups (version 2) say it; many where they do not."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, round(int(limit) / int(period)))
    except (OSError, ValueError):
        return 1_000_000
