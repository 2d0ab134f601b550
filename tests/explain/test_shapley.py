"""Shapley values of games whose values are known, and of models of which some players are none."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from magtfnet import EmotionRecognizer, create_model
from magtfnet.explain.attribution import Game, attribute
from magtfnet.explain.page import explanation_page
from magtfnet.explain.players import Players
from magtfnet.explain.shapley import shapley_values
from magtfnet.explain.words import in_words
from magtfnet.features import FeatureBatch


def tangled(players, seed=0):
    """A game in which everybody works with or against everybody."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randn(players, players, generator=generator)
    alone = torch.randn(players, generator=generator)
    return lambda present: torch.tanh(present @ alone) * 3 + ((present @ pairs) * present).sum(dim=1)


def by_definition(worth, players):
    """Shapley's own formula, over all coalitions."""
    everyone = torch.tensor(list(itertools.product([0.0, 1.0], repeat=players)))
    worths = dict(zip(map(tuple, everyone.int().tolist()), worth(everyone).tolist(), strict=True))
    values = torch.zeros(players, dtype=torch.float64)
    for present, value in worths.items():
        size = sum(present)
        share = math.factorial(size) * math.factorial(players - size - 1) if size < players else 0
        for player in range(players):
            if not present[player]:
                joined = (*present[:player], 1, *present[player + 1 :])
                values[player] += share / math.factorial(players) * (worths[joined] - value)
    return values


@pytest.mark.parametrize("players", [1, 2, 3, 8])
def test_few_players_are_asked_all(players):
    values, errors = shapley_values(tangled(players), players, 1024)
    torch.testing.assert_close(values, by_definition(tangled(players), players), atol=1e-4, rtol=0)
    assert errors.max() == 0


def test_what_is_drawn_is_near_and_the_error_says_how_near():
    exact = by_definition(tangled(12), 12)
    away = []
    for seed in range(20):
        values, errors = shapley_values(tangled(12), 12, 512, seed)
        assert float(values.sum()) == pytest.approx(float(exact.sum()), abs=1e-4)
        away.append((values - exact) / errors)
    assert 0.7 < float(torch.stack(away).std()) < 1.4


def test_players_who_work_two_by_two_are_told_exactly():
    """Every second player is worth something with the one before alone."""
    worths = torch.linspace(-2, 2, 18)
    values, _ = shapley_values(lambda present: (present[:, 0::2] * present[:, 1::2]) @ worths, 36, 1024)
    torch.testing.assert_close(values, (worths / 2).repeat_interleave(2).double(), atol=1e-4, rtol=0)


def test_a_game_of_all_or_nothing_is_told_as_unsure_as_it_is():
    values, errors = shapley_values(lambda present: 36 * present.prod(dim=1), 36, 1024)
    assert float((values - 1).abs().max()) < 4 * float(errors.max()) + 1e-6


def features(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return FeatureBatch(
        torch.randn(1, 20, 40, generator=generator),
        torch.randn(1, 20, 12, generator=generator),
        torch.randn(1, 24, generator=generator),
        torch.tensor([20]),
    )


@pytest.mark.parametrize("method", ["shapley", "integrated_gradients", "occlusion"])
@pytest.mark.parametrize("name", ["tim_net", "magtf_net_without_lld"])
def test_who_stands_for_what_a_model_does_not_take_adds_nothing(name, method):
    torch.manual_seed(0)
    model = create_model(name, num_classes=3).eval()
    players = Players((0, 10, 20), (0, 20, 40), ("a", "b"), {"lld": (0, 1) * 6, "functionals": (0, 1) * 12})
    found = attribute(Game(model, features(), players, 1), method)
    assert found.values[: players.num_cells].abs().max() > 0
    assert found.values[players.num_cells :].abs().max() == 0


def test_what_is_drawn_says_so_and_names_nothing_that_may_be_chance(synthetic):
    told = EmotionRecognizer.load().explain(next(iter(synthetic)).path)
    errors = told.attribution.errors
    assert errors.max() > 0
    assert told.to_dict()["sampling_errors"]["cells"] == told.players.cells(errors).tolist()
    assert "of 1,024 drawn coalitions, which leaves a standard error of " in explanation_page("x", told, [])
    assert "What speaks for it most" in " ".join(in_words(told))
    unsure = replace(told, attribution=replace(told.attribution, errors=told.attribution.values.abs()))
    assert "most" not in " ".join(in_words(unsure))
    by_gradients = EmotionRecognizer.load().explain(next(iter(synthetic)).path, method="occlusion")
    assert by_gradients.to_dict()["sampling_errors"] is None
    assert "drawn coalitions" not in explanation_page("x", by_gradients, [])
