"""Convolution through Fourier transforms is convolution: its values, its gradients, fewer products."""

import io
import warnings

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
        (4, 3, (3, 7)),  # a kernel wider than the map
        (4, 1, (3, 5)),
        (1, 2, (5, 9)),
        (6, 100, (3, 3)),
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
    given = convolution(10, 150, dtype=torch.float32)
    gradient = torch.randn(2, CHANNELS + 1, 10, 150)

    def results(function, kind):
        values = [value.detach().to(kind).requires_grad_() for value in given]
        convolved = function(*values)
        return [convolved, *torch.autograd.grad(convolved, values, gradient.to(kind))]

    exact = results(plain, torch.float64)
    for ours, theirs, truth in zip(
        results(convolve_same, torch.float32), results(plain, torch.float32), exact, strict=True
    ):
        errors = [(found - truth).square().mean().sqrt() for found in (ours, theirs)]
        assert errors[0] <= 2 * errors[1]


def test_no_map_sees_another():
    feature_map, weight, bias = convolution(5, 60, maps=3, dtype=torch.float32)
    alone = convolve_same(feature_map[:1], weight, bias)
    beside = feature_map.detach().clone()
    beside[1] *= 1e6
    beside[2] = float("nan")
    beside.requires_grad_()
    found = convolve_same(beside, weight, bias)
    torch.testing.assert_close(found[:1], alone, atol=1e-4, rtol=1e-4)
    assert found[2].isnan().all()
    (gradient,) = torch.autograd.grad(found[0].sum(), beside)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_no_maps_are_no_maps():
    feature_map, weight, bias = convolution(5, 60, maps=0)
    found = convolve_same(feature_map, weight, bias)
    assert found.shape == (0, CHANNELS + 1, 5, 60)
    found.sum().backward()
    assert not weight.grad.any()


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
    low = feature_map, weight[:, :, :1], bias
    frozen = feature_map, weight.detach(), bias
    for given in (few, low, frozen):
        assert torch.equal(convolve_same(*given), plain(*given))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert convolve_same(feature_map, weight, bias).dtype == torch.bfloat16
    assert not plans


def test_exported_graphs_are_plain_though_gradients_are_on(plans):
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3)

        def forward(self, feature_map):
            return convolve_same(feature_map, self.convolution.weight, self.convolution.bias)

    layer, feature_map = Layer(), torch.randn(2, CHANNELS, 5, 40)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is the older exporter
        torch.onnx.export(layer, (feature_map,), file, dynamic_axes={}, dynamo=False)
    assert b"Conv" in file.getvalue()
    torch.export.export(layer, (feature_map,), strict=False)
    assert not plans
    layer(feature_map)
    assert plans == [(5, 40)]


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
