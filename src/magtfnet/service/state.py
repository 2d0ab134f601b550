"""What the parts of one service share."""

import asyncio
from dataclasses import dataclass, field

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
    """

    models: Models
    limits: Limits
    token: Token | None = None
    work: Work = field(init=False)
    metrics: Metrics = field(init=False)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.work = Work(self.limits)
        self.metrics = Metrics(self.work)
