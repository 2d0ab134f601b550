"""How much memory a process has needed."""

import sys
from pathlib import Path


def peak_memory_mib() -> float | None:
    """Return the most memory that this process has held so far, in MiB; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage on Linux also counts what the parent held before it started this process
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere
