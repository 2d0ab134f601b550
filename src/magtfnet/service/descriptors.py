"""Open files that the system allows: as many as there may be connections, and some more."""

import sys

from magtfnet.errors import ServiceError

OTHERS = 128
"""Beside connections: models, uploads, the log, what libraries open."""


def allow_files(connections: int) -> None:
    """Raise the soft limit of open files to what so many connections need.

    Windows has no such limit.

    Raises:
        ServiceError: the system allows fewer.
    """
    if sys.platform == "win32":
        return
    import resource

    needed = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ServiceError(
            f"{connections} connections need {needed} open files, {hard} are allowed here; "
            f"give --limit connections={max(1, hard - OTHERS)} or raise 'ulimit -Hn'"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
