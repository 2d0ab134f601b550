"""The GraphBlock against literal convolutions, and its pieces by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from magtfnet.models.blocks.graph_block import GraphBlock, banded


def literal(block, frames):
    """The paper's steps as they are written: Conv2d over (features, time) images, the graph at each frame."""
    channels = block.start_weight.shape[0]
    start = nn.Conv2d(1, channels, (block.start_weight.shape[1], 1))
    first, second = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
    with torch.no_grad():
        start.weight.copy_(block.start_weight[:, None, :, None])
        start.bias.copy_(block.start_bias)
        for convolution, linear in ((first, block.mix_in), (second, block.mix_out)):
            convolution.weight.copy_(linear.weight[:, :, None, None])
            convolution.bias.copy_(linear.bias)
    adjacency = functional.softmax(functional.relu(block.source_embedding @ block.target_embedding), dim=1)
    image = frames.transpose(1, 2).unsqueeze(1)  # (B, 1, D, T)
    if block.graph_first:
        image = torch.einsum("bcdt,de->bcet", image, adjacency)
    image = start(image)  # (B, C, N, T)
    if not block.graph_first:
        image = torch.einsum("bcnt,nm->bcmt", image, adjacency)
    image = functional.gelu(second(functional.gelu(first(image))))
    nodes = image.mean(dim=1).transpose(1, 2)  # over channels; time survives: (B, T, N)
    return block.norm(block.output(nodes) + frames)


@pytest.mark.parametrize("graph_first", [False, True])
@pytest.mark.parametrize(("d_model", "num_nodes"), [(12, 5), (12, 12), (12, 1), (128, 40)])
def test_equals_literal_convolutions(d_model, num_nodes, graph_first):
    torch.manual_seed(0)
    block = GraphBlock(d_model, num_nodes, 6, 4, graph_first=graph_first, dropout=0.0).double()
    frames = torch.randn(2, 9, d_model, dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        expected = literal(block, frames)
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(block(frames), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("graph_first", [False, True])
def test_gradients_equal_those_of_literal_convolutions(graph_first):
    torch.manual_seed(0)
    block = GraphBlock(12, 5, 6, 4, graph_first=graph_first, dropout=0.0).double()
    frames = torch.randn(2, 9, 12, dtype=torch.float64)
    goal = torch.randn(2, 9, 12, dtype=torch.float64)

    def through_parameters(values):
        names = [name for name, _ in block.named_parameters()]
        return torch.func.functional_call(block, dict(zip(names, values, strict=True)), (frames,))

    (through_parameters(tuple(block.parameters())) * goal).sum().backward()
    with torch.no_grad():  # numerically, from the literal form: one parameter of each tensor
        for name, parameter in block.named_parameters():
            flat, step = parameter.view(-1), 1e-6
            index = flat.numel() // 2
            before = flat[index].item()
            values = []
            for sign in (1, -1):
                flat[index] = before + sign * step
                torch.set_default_dtype(torch.float64)
                values.append((literal(block, frames) * goal).sum().item())
                torch.set_default_dtype(torch.float32)
            flat[index] = before
            slope = (values[0] - values[1]) / (2 * step)
            assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, abs=1e-6), name


def test_two_nodes_by_hand():
    """Ordinary numbers: identity mixing, one channel, so that only StartConv, A and GELU are left."""
    block = GraphBlock(3, 2, 1, 1, graph_first=False, dropout=0.0)
    with torch.no_grad():
        block.start_weight.copy_(torch.tensor([[1.0, 10.0]]))
        block.start_bias.zero_()
        block.source_embedding.copy_(torch.tensor([[1.0], [0.0]]))
        block.target_embedding.copy_(torch.tensor([[torch.log(torch.tensor(3.0)), 0.0]]))
        for layer in (block.mix_in, block.mix_out):
            layer.weight.fill_(1.0)
            layer.bias.zero_()
    # ReLU(E1 E2) = [[log 3, 0], [0, 0]], so the rows of A are [3/4, 1/4] and [1/2, 1/2].
    torch.testing.assert_close(block.adjacency(), torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    # Frame [1, 2, 3]: StartConv gives 1 + 20 = 21 and 2 + 30 = 32; x A = [21 * 3/4 + 32 / 2, 21 / 4 + 32 / 2].
    weight, bias = block._folded()
    nodes = functional.linear(torch.tensor([1.0, 2.0, 3.0]), weight, bias)
    torch.testing.assert_close(nodes, torch.tensor([31.75, 21.25]))


def test_banded_by_hand():
    expected = torch.tensor(
        [[[1.0, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]], [[3, 4, 0, 0], [0, 3, 4, 0], [0, 0, 3, 4]]]
    )
    assert torch.equal(banded(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 3), expected)


def test_more_nodes_than_features_are_refused():
    with pytest.raises(ValueError, match="num_nodes must lie between 1 and d_model 4, found 5"):
        GraphBlock(4, 5, 1, 1, graph_first=False, dropout=0.0)
