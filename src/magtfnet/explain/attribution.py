"""How much each player adds to the logit of an emotion.

A player that is absent is replaced by the mean of the training part (zero after standardisation), so that the
baseline is a recording of which nothing is known, not silence, which is itself a sign of some emotions.

``shapley``: see ``shapley.py``. ``integrated_gradients``: Sundararajan et al., ICML
2017, summed over each player. ``occlusion``: what the logit loses when one player alone is absent. The first
two add up to the change of the logit between the recording and the baseline; occlusion does not, where players
say the same thing. These two are computed by captum. Who stands for what the model does not take adds nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from captum.attr import FeatureAblation, IntegratedGradients
from torch import Tensor

from magtfnet.explain.players import Players
from magtfnet.explain.shapley import shapley_values
from magtfnet.features import FeatureBatch
from magtfnet.models import Model

COALITIONS = 1024
"""Coalitions that are drawn for Shapley values."""
GRADIENT_STEPS = 64
FRAMES_AT_ONCE = 8192
"""Frames, all coalitions together, that go through the model at once."""
SHAPLEY_LONGEST = 6_000
"""Frames up to which Shapley values are computed (60 s of 10 ms); beyond them it would take minutes."""
LONGEST = 12_000
"""Frames up to which anything is explained (120 s)."""


@dataclass(frozen=True)
class Attribution:
    """What every player adds to one logit.

    Args:
        values: (players,), in logits.
        logit: of the recording.
        baseline: the logit with every player absent.
        method: how it was computed.
        errors: (players,), the standard errors that drawing coalitions leaves; None where nothing is drawn.
    """

    values: Tensor
    logit: float
    baseline: float
    method: str
    errors: Tensor | None = None

    @property
    def unexplained(self) -> float:
        """The change of the logit that the values do not add up to."""
        return self.logit - self.baseline - float(self.values.sum())


class Game:
    """The logit of an emotion as a function of who is present.

    Args:
        model: in evaluation mode.
        features: of one utterance, standardised, in the model's layout.
        players: of that utterance.
        target: index of the emotion.
    """

    def __init__(self, model: Model, features: FeatureBatch, players: Players, target: int) -> None:
        self.model = model
        self.players = players
        self.target = target
        count = int(features.lengths[0])
        self.num_frames = count
        self.inputs = {
            "log_mel": features.log_mel[:, :count],
            "lld": features.lld[:, :count],
            "functionals": features.functionals,
        }
        cells = players.cell_of_each(count, features.log_mel.shape[2])
        of_each = {
            name: torch.tensor(indices) + players.num_cells
            for name, indices in players.descriptor_of_each.items()
        }
        self.player_of = {
            "log_mel": cells,  # (T, M)
            "lld": of_each["lld"].expand(count, -1),  # (T, L)
            "functionals": of_each["functionals"],
        }
        self.takes = torch.zeros(len(players), dtype=torch.bool)  # who stands for what the model takes
        for name in model.inputs:
            self.takes[self.player_of[name].flatten()] = True

    def __call__(self, present: Tensor) -> Tensor:
        """Return the logits (N,) of coalitions (N, players), 1 where a player is present and 0 where absent."""
        at_once = max(1, FRAMES_AT_ONCE // self.num_frames)
        return torch.cat([self._logits(some) for some in torch.split(present, at_once)])

    def _logits(self, present: Tensor) -> Tensor:
        masked = {
            name: self.inputs[name] * present[:, self.player_of[name]].to(self.inputs[name].dtype)
            for name in self.model.inputs
        }
        return self._forward(masked, len(present))

    def _forward(self, inputs: dict[str, Tensor], count: int) -> Tensor:
        logits: Tensor = self.model(**inputs, lengths=torch.full((count,), self.num_frames))
        return logits[:, self.target]

    def everyone(self) -> Tensor:
        """Return the coalition of all, (1, players)."""
        return torch.ones(1, len(self.players))


def shapley(game: Game) -> Tensor:
    """Return Shapley values (players,); the same every time."""
    return shapley_with_errors(game)[0]


def shapley_with_errors(game: Game) -> tuple[Tensor, Tensor]:
    """Return Shapley values and their standard errors, each (players,)."""

    def worth(present: Tensor) -> Tensor:
        whole = torch.zeros(len(present), len(game.players))
        whole[:, game.takes] = present
        return game(whole)

    found = torch.zeros(2, len(game.players))
    with torch.no_grad():
        for row, told in zip(found, shapley_values(worth, int(game.takes.sum()), COALITIONS), strict=True):
            row[game.takes] = told.float()
    return found[0], found[1]


def integrated_gradients(game: Game) -> Tensor:
    """Return gradients along the way from the baseline to the recording, summed over each player."""
    names = game.model.inputs

    def forward(*inputs: Tensor) -> Tensor:
        return game._forward(dict(zip(names, inputs, strict=True)), len(inputs[0]))

    steps = max(1, FRAMES_AT_ONCE // game.num_frames)
    found = IntegratedGradients(forward).attribute(
        tuple(game.inputs[name] for name in names), n_steps=GRADIENT_STEPS, internal_batch_size=steps
    )
    values = torch.zeros(len(game.players), dtype=found[0].dtype)
    for name, gradients in zip(names, found, strict=True):
        values.index_add_(0, game.player_of[name].flatten(), gradients[0].flatten())
    return values.detach()


def occlusion(game: Game) -> Tensor:
    """Return what the logit loses when each player alone is absent."""
    with torch.no_grad():
        values: Tensor = FeatureAblation(game).attribute(game.everyone(), baselines=0.0)[0]
        return values


METHODS: dict[str, Callable[[Game], Tensor]] = {
    "shapley": shapley,
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


def attribute(game: Game, method: str) -> Attribution:
    """Return what every player adds, by a method of ``METHODS``."""
    errors = None
    if method == "shapley":
        values, errors = shapley_with_errors(game)
    else:
        values = METHODS[method](game)
    with torch.no_grad():
        logits = game(torch.cat((game.everyone(), torch.zeros_like(game.everyone()))))
    return Attribution(values, float(logits[0]), float(logits[1]), method, errors)
