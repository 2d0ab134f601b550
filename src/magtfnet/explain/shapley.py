"""Shapley values from drawn coalitions, and how far off the draw leaves them.

KernelSHAP (Lundberg & Lee, NeurIPS 2017): the values are those of the additive game that is nearest to this one under
Shapley's weights, and add up to what all players are worth. A coalition is drawn together with those who are not in
it, which takes out what players do two by two; the error is that of the regression (Covert & Lee, "Improving
KernelSHAP", AISTATS 2021). Where there are few players no coalition is drawn: all are asked.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Worth = Callable[[Tensor], Tensor]
"""Returns the worth (N,) of coalitions (N, players), 1 for who is present and 0 for who is absent."""


def shapley_values(worth: Worth, players: int, coalitions: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return what each player adds, and the standard error that drawing leaves, each (players,) in float64.

    Args:
        worth: of a coalition.
        players: at least one.
        coalitions: that are drawn, half of them with the other half's absent.
        seed: of the draw.
    """
    ends = worth(torch.stack((torch.zeros(players), torch.ones(players)))).double()
    change = ends[1] - ends[0]
    if players == 1:
        return change.view(1), torch.zeros(1, dtype=torch.float64)
    asks_all = 2**players - 2 <= coalitions
    half, weights = _all_halves(players) if asks_all else _drawn_halves(players, coalitions // 2, seed)
    both = torch.stack((half, 1.0 - half))  # (2, N, players)
    gains = worth(both.flatten(0, 1).float()).double().view(2, -1) - ends[0]
    weighted = both * weights[:, None]
    inverse = torch.linalg.pinv(torch.einsum("snp,snq->pq", weighted, both), hermitian=True)
    ones = inverse.sum(dim=1)
    values = inverse @ torch.einsum("snp,sn->p", weighted, gains)
    values = values + ones * (change - values.sum()) / ones.sum()  # the constraint
    if asks_all:
        return values, torch.zeros_like(values)
    unsaid = torch.einsum("snp,sn->np", weighted, gains - both @ values)
    influences = unsaid @ (inverse - torch.outer(ones, ones) / ones.sum())
    return values, influences.square().sum(dim=0).sqrt()


def _all_halves(players: int) -> tuple[Tensor, Tensor]:
    """Return one of each two coalitions that complete each other (N, players), and Shapley's weights (N,)."""
    numbers = torch.arange(1, 2 ** (players - 1))  # without the last player; the others have it
    half = (numbers[:, None] >> torch.arange(players) & 1).double()
    sizes = half.sum(dim=1)
    binomials = torch.tensor([math.comb(players, int(size)) for size in sizes], dtype=torch.float64)
    return half, 1.0 / (binomials * sizes * (players - sizes))


def _drawn_halves(players: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return coalitions (count, players) as often as Shapley's weights say, and alike weights (count,)."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.arange(1, players, dtype=torch.float64)
    drawn = 1 + torch.multinomial(
        1.0 / (sizes * (players - sizes)), count, replacement=True, generator=generator
    )
    ranks = torch.rand(count, players, generator=generator).argsort(dim=1).argsort(dim=1)
    return (ranks < drawn[:, None]).double(), torch.full((count,), 1.0 / count, dtype=torch.float64)
