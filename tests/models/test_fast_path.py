"""The fast model is the literal one: outputs, gradients, and each of its faster parts."""

import pytest
import torch
from benchmarks.literal import LiteralMAGTFNet, renamed
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from magtfnet import create_model
from magtfnet.models.blocks.dropout import Dropout, keep_mask
from magtfnet.models.blocks.linear import Linear, linear


@pytest.fixture(scope="module")
def both():
    torch.manual_seed(0)
    ours = create_model("magtf_net", num_classes=7, dropout=0.0)
    return ours, LiteralMAGTFNet(ours)


@pytest.fixture(scope="module")
def batch():
    torch.manual_seed(1)
    lengths = torch.tensor([400, 250, 20, 1, 77])
    return {"log_mel": torch.randn(5, 400, 40), "functionals": torch.randn(5, 24), "lengths": lengths}


def test_outputs_and_gradients_are_those_of_the_literal_model(both, batch):
    ours, literal = both
    results = [model(**batch) for model in both]
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=0)
    for logits in results:
        functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 4])).backward()
    gradients = renamed({name: parameter.grad for name, parameter in ours.named_parameters()})
    theirs = dict(literal.named_parameters())
    assert theirs.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, theirs[name].grad, atol=1e-5, rtol=0)


def test_evaluation_is_that_of_the_literal_model(both, batch):
    with torch.inference_mode():
        ours, literal = (model.eval()(**batch) for model in both)
    for model in both:
        model.train()
    torch.testing.assert_close(ours, literal, atol=1e-5, rtol=0)


def test_bfloat16_differs_by_its_digits_only(both, batch):
    ours = both[0]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = ours(**batch)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, ours(**batch), atol=0.05, rtol=0)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 300),
    inputs=st.sampled_from([1, 3, 32, 64, 128, 440]),
    outputs=st.sampled_from([1, 7, 32, 128, 384]),
    leading=st.booleans(),
    seed=st.integers(0, 99),
)
def test_linear_is_pytorchs(rows, inputs, outputs, leading, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, inputs, generator=generator)
    weight, bias = (
        torch.randn(outputs, inputs, generator=generator),
        torch.randn(outputs, generator=generator),
    )
    if leading:
        features = features.expand(2, -1, -1).contiguous()
    goal = torch.randn(*features.shape[:-1], outputs, generator=generator)
    found = []
    for function in (linear, functional.linear):
        leaves = [tensor.clone().requires_grad_() for tensor in (features, weight, bias)]
        product = function(*leaves)
        product.backward(goal)
        found.append([product.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_linear_takes_one_vector_and_refuses_second_derivatives():
    layer = Linear(5, 4)
    vector = torch.randn(5)
    torch.testing.assert_close(layer(vector), functional.linear(vector, layer.weight, layer.bias))
    features = torch.randn(3, 5, requires_grad=True)
    (first,) = torch.autograd.grad(layer(features).square().sum(), features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_linear_layers_are_initialised_as_pytorchs():
    torch.manual_seed(3)
    ours = Linear(5, 4)
    torch.manual_seed(3)
    theirs = torch.nn.Linear(5, 4)
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


def test_linear_in_double_and_under_autocast_is_pytorchs_own():
    features, layer = torch.randn(3, 5, dtype=torch.float64), Linear(5, 4).double()
    assert torch.equal(layer(features), functional.linear(features, layer.weight, layer.bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert Linear(5, 4)(features.float()).dtype == torch.bfloat16


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
def test_dropout_zeroes_the_share_it_should_and_keeps_the_mean(p):
    torch.manual_seed(0)
    mask = keep_mask(torch.Size([1000, 1000]), p, torch.float32)
    deviation = (p * (1 - p) / mask.numel()) ** 0.5
    assert (mask == 0).double().mean().item() == pytest.approx(p, abs=5 * deviation + 2**-17)
    assert torch.equal(mask.unique(), torch.tensor([0.0, mask.max().item()]))
    assert mask.max().item() == pytest.approx(1 / (1 - p), rel=2**-16 / (1 - p))
    quarters = mask.view(-1, 4)  # each draw makes four: they are as independent as the draws
    correlation = torch.corrcoef((quarters > 0).double().T) - torch.eye(4)
    assert correlation.abs().max().item() < 0.01


def test_dropout_keeps_the_memory_format_of_pictures():
    """A mask in another order would be read across memory, and make everything after it slow as well."""
    values = torch.ones(2, 8, 6, 5).contiguous(memory_format=torch.channels_last)
    dropped = Dropout(0.5)(values)
    assert dropped.shape == values.shape
    assert dropped.is_contiguous(memory_format=torch.channels_last)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_dropout_follows_the_seed_and_evaluation_has_none():
    layer, values = Dropout(0.3), torch.randn(5, 7)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(layer(values))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert layer.eval()(values) is values


def test_dropout_has_the_gradient_of_its_mask():
    values = torch.ones(50, requires_grad=True)
    torch.manual_seed(0)
    out = Dropout(0.4)(values)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())
