"""What the parts of one service share."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from magtfnet.service.kept import Kept
from magtfnet.service.limits import Limits
from magtfnet.service.metrics import Metrics
from magtfnet.service.models import Models
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
        uploads: what the page keeps for playing it, where there is a page.
    """

    models: Models
    limits: Limits
    token: Token | None = None
    names: frozenset[str] | None = None
    uploads: Kept | None = None
    work: Work = field(init=False)
    metrics: Metrics = field(init=False)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.work = Work(self.limits)
        self.metrics = Metrics(self.work)

    @property
    def kept(self) -> Path | None:
        """The folder of uploads, where there is a page."""
        return None if self.uploads is None else self.uploads.folder
