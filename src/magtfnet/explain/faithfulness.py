"""Is an explanation true? Curves of deletion and insertion against random order, and randomised weights.

Deletion and insertion: Petsiuk et al., BMVC 2018. Randomisation: Adebayo et al., "Sanity checks for saliency
maps", NeurIPS 2018.
"""

import copy
from dataclasses import dataclass

import torch
from scipy.stats import spearmanr
from torch import Tensor

from magtfnet.explain.attribution import METHODS, Game

RANDOM_ORDERS = 20


@dataclass(frozen=True)
class Curves:
    """The logit as players are taken away, and as they are added, strongest first.

    Args:
        deletion: (players + 1,), from everyone to no one.
        insertion: (players + 1,), from no one to everyone.
        random_deletion: (orders, players + 1).
        random_insertion: (orders, players + 1).
    """

    deletion: Tensor
    insertion: Tensor
    random_deletion: Tensor
    random_insertion: Tensor

    @property
    def deletion_gain(self) -> float:
        """By how much the mean of the deletion curve lies below that of random orders, in logits."""
        return float(self.random_deletion.mean() - self.deletion.mean())

    @property
    def insertion_gain(self) -> float:
        """By how much the mean of the insertion curve lies above that of random orders, in logits."""
        return float(self.insertion.mean() - self.random_insertion.mean())


def curves(game: Game, values: Tensor, seed: int = 0) -> Curves:
    """Return the curves of an attribution (players,) and of random orders."""
    count = len(values)
    generator = torch.Generator().manual_seed(seed)
    order = values.argsort(descending=True)
    orders = [order, *(torch.randperm(count, generator=generator) for _ in range(RANDOM_ORDERS))]
    with torch.no_grad():
        deleted = game(torch.cat([1.0 - _growing(one) for one in orders])).view(len(orders), -1)
        inserted = game(torch.cat([_growing(one) for one in orders])).view(len(orders), -1)
    return Curves(deleted[0], inserted[0], deleted[1:], inserted[1:])


def _growing(order: Tensor) -> Tensor:
    """Return coalitions (players + 1, players): no one, then one more of ``order`` each time."""
    count = len(order)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(count)
    return (rank < torch.arange(count + 1).unsqueeze(1)).float()


def randomised_correlation(game: Game, values: Tensor, method: str, seed: int = 0) -> float:
    """Return the rank correlation between an attribution and that of the same model with random weights.

    An explanation of what was learnt has none to speak of; one near 1 shows the input, not the model.
    """
    other = copy.copy(game)
    other.model = copy.deepcopy(game.model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for parameter in other.model.parameters():
            parameter.data = parameter.data.flatten()[torch.randperm(parameter.numel())].view_as(parameter)
    return _rank_correlation(values, METHODS[method](other))


def _rank_correlation(first: Tensor, second: Tensor) -> float:
    if first.std() == 0 or second.std() == 0:
        return 0.0  # an explanation that gives all players the same resembles none
    return float(spearmanr(first.numpy(), second.numpy()).statistic)
