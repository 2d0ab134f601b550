"""Parameters and multiply-adds, counted by hand for small networks."""

import pytest
import torch

from magtfnet import create_model
from magtfnet.models.cost import count_parameters, multiply_adds_per_second


def test_multiply_adds_by_hand():
    sizes = {"channels": 8, "d_model": 16, "num_layers": 1, "num_heads": 2, "ffn_dim": 32, "reduction": 4}
    model = create_model(
        "magtf_net_without_graph_block", num_classes=3, lld_input="none", kernel_sizes=(3,), **sizes
    )
    frames = 300
    convolution, fusion, embedding = 3 * 40 * 8, 8 * 16, 16 * 16
    attention = 16 * 48 + 16 * 16 + 2 * frames * 16
    feed_forward = 2 * 16 * 32
    once = 2 * 8 * 2 + 16 * 16 + 16 * 3
    expected = (frames * (convolution + fusion + embedding + attention + feed_forward) + once) / 3
    assert multiply_adds_per_second(model) == pytest.approx(expected)


def test_counting_changes_nothing():
    torch.manual_seed(0)
    model = create_model("d_cnn_blstm", num_classes=3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert multiply_adds_per_second(model) > 0
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (
        count_parameters(model)
        == sum(value.numel() for name, value in before.items() if "running" not in name) - 2
    )
