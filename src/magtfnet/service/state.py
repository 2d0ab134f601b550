"""What the parts of one service share."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from magtfnet.service.limits import MEBIBYTE, Limits
from magtfnet.service.metrics import Metrics
from magtfnet.service.models import Models
from magtfnet.service.problems import ProblemError
from magtfnet.service.tokens import Token
from magtfnet.service.work import Work


@dataclass
class State:
    """A service.

    Args:
        models: what is served.
        limits: what clients may ask.
        token: what they must show, if any.
        names: by which it is asked, in the header ``Host``; None for any.
        kept: the folder in which the page keeps files for playing them, where there is a page.
    """

    models: Models
    limits: Limits
    token: Token | None = None
    names: frozenset[str] | None = None
    kept: Path | None = None
    work: Work = field(init=False)
    metrics: Metrics = field(init=False)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.work = Work(self.limits)
        self.metrics = Metrics(self.work)

    def refuse_more_kept(self) -> None:
        """Hold the files of the page against their limit.

        Raises:
            ProblemError: they are too many bytes.
        """
        if self.kept is None:
            return
        size = sum(file.stat().st_size for file in self.kept.rglob("*") if file.is_file())
        if size > self.limits.page_mib * MEBIBYTE:
            raise ProblemError(
                "overloaded",
                f"the page keeps {size / MEBIBYTE:.0f} MiB of files, at most {self.limits.page_mib:g} MiB; "
                "try again in 60 s",
                {"Retry-After": "60"},
            )
