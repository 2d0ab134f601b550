"""Convolution through Fourier transforms is convolution: its values, its gradients, fewer products."""

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from magtfnet.models import create_model
from magtfnet.models.blocks import fourier_convolution
from magtfnet.models.blocks.fourier_convolution import FEWEST_CHANNELS, convolve_same, plan_for

CHANNELS = FEWEST_CHANNELS


def convolution(rows, columns, kernel=(3, 5), maps=2, dtype=torch.float64):
    """Return a feature map, a weight and a bias, all to be learnt."""
    torch.manual_seed(0)
    given = (
        torch.randn(maps, CHANNELS, rows, columns, dtype=dtype),
        torch.randn(CHANNELS + 1, CHANNELS, *kernel, dtype=dtype),
        torch.randn(CHANNELS + 1, dtype=dtype),
    )
    return [values.requires_grad_() for values in given]


def plain(feature_map, weight, bias):
    rows, columns = weight.shape[2:]
    return functional.conv2d(feature_map, weight, bias, padding=(rows // 2, columns // 2))


@pytest.fixture
def plans(monkeypatch):
    """Return a list that grows by the size of each map that goes through Fourier transforms."""
    asked = []

    def plan(*size):
        asked.append(size[:2])
        return plan_for(*size)

    monkeypatch.setattr(fourier_convolution, "plan_for", plan)
    return asked


@pytest.mark.parametrize(
    ("rows", "columns", "kernel"),
    [
        (10, 150, (3, 5)),  # ACRNN's
        (9, 151, (3, 5)),
        (7, 33, (5, 3)),
        (1, 4, (1, 1)),
        (4, 3, (3, 7)),  # a kernel wider than the map
        (2, 2, (5, 5)),
        (6, 100, (1, 3)),
        (5, 70, (3, 31)),  # a kernel wider than a tile
    ],
)
def test_values_and_gradients_are_those_of_plain_convolution(rows, columns, kernel, plans):
    given = convolution(rows, columns, kernel)
    expected, found = plain(*given), convolve_same(*given)
    assert plans == [(rows, columns)]
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    gradient = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(found, given, gradient),
        torch.autograd.grad(expected, given, gradient),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-10)


def test_it_rounds_no_more_than_twice_as_much_as_plain_convolution():
    exact = plain(*(values.double() for values in convolution(10, 150, dtype=torch.float32)))
    given = convolution(10, 150, dtype=torch.float32)
    errors = [(function(*given) - exact).square().mean().sqrt() for function in (convolve_same, plain)]
    assert 0 < errors[0] < 2 * errors[1]


def test_the_work_is_a_quarter_and_the_products_over_channels_a_seventh():
    plan = plan_for(10, 150, 3, 5, torch.float32)
    assert 7 * plan.tiles * len(plan.kernel) < 10 * 150 * 3 * 5
    torch.manual_seed(0)
    feature_map = torch.randn(4, 256, 10, 150, requires_grad=True)
    weight, bias = torch.randn(256, 256, 3, 5, requires_grad=True), torch.zeros(256, requires_grad=True)
    work = []
    for function in (plain, convolve_same):
        with FlopCounterMode(display=False) as counter:
            function(feature_map, weight, bias).sum().backward()
        work.append(counter.get_total_flops())
    assert work[0] == 3 * 2 * 4 * 10 * 150 * 3 * 5 * 256**2
    assert 4 * work[1] < work[0]


def test_a_map_that_is_given_gets_no_gradient():
    feature_map, weight, bias = convolution(4, 30)
    convolve_same(feature_map.detach(), weight, bias).sum().backward()
    assert feature_map.grad is None
    expected = torch.autograd.grad(plain(feature_map, weight, bias).sum(), weight)[0]
    torch.testing.assert_close(weight.grad, expected)


def test_where_nothing_is_learnt_or_digits_are_few_it_is_plain(plans):
    feature_map, weight, bias = convolution(4, 30, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(convolve_same(feature_map, weight, bias), plain(feature_map, weight, bias))
    few = feature_map[:, 1:], weight[:, 1:], bias
    assert torch.equal(convolve_same(*few), plain(*few))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert convolve_same(feature_map, weight, bias).dtype == torch.bfloat16
    assert not plans


def test_acrnn_learns_by_it_and_says_the_same(plans):
    torch.manual_seed(0)
    model = create_model(
        "acrnn_3d", num_classes=3, channels=CHANNELS, first_channels=CHANNELS, dropout=0.0
    ).train()
    frames = {"log_mel": torch.randn(2, 310, 40), "lengths": torch.tensor([310, 200])}
    learning = model(**frames)
    assert plans == [(10, 150)] * 5
    with torch.no_grad():
        torch.testing.assert_close(learning, model(**frames), atol=1e-4, rtol=1e-4)
    learning.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
