"""MAGTF-Net as a whole: names, sizes, refusals."""

import pytest
import torch

from magtfnet import ConfigError, UnknownNameError, create_model, list_models
from magtfnet.models.blocks.graph_block import GraphBlock
from magtfnet.models.magtf_net import KERNEL_SETS, kernel_set_name
from magtfnet.models.protocol import MODELS, register_model


def test_models_are_found_by_name():
    assert "magtf_net" in list_models()
    with pytest.raises(
        UnknownNameError,
        match=r"unknown model 'nope', expected one of acrnn_3d, .*magtf_net, magtf_net_frames",
    ):
        create_model("nope", num_classes=4)
    with pytest.raises(ValueError, match="model 'magtf_net' is registered twice"):
        register_model(MODELS["magtf_net"])


def test_the_papers_sizes_are_the_defaults():
    config = create_model("magtf_net", num_classes=7).config
    assert (config.n_mels, config.kernel_sizes, config.d_model, config.num_layers) == (
        40,
        (3, 5, 7, 9, 11),
        128,
        2,
    )
    assert (config.graph_rank, config.dropout, config.graph_order) == (10, 0.3, "start_conv_first")


def test_number_of_parameters_by_hand():
    model = create_model("magtf_net", num_classes=7)
    convolutions = sum(64 * 40 * k + 64 for k in (3, 5, 7, 9, 11))
    attentions = 5 * (64 * 16 + 16 + 16 * 64 + 64)
    fusion = 5 * 64 * 128 + 128
    graph = 2 * 40 * 10 + 32 * (128 - 40 + 1) + 32 + 2 * (32 * 32 + 32) + 40 * 128 + 128 + 2 * 128
    embedding = dense = 128 * 128 + 128
    layer = 128 * 384 + 384 + 128 * 128 + 128 + 128 * 256 + 256 + 256 * 128 + 128 + 4 * 128
    lld = 24 * 64 + 64 + 64 * 64 + 64 + 4 * 64
    classifier = (128 + 64) * 7 + 7
    expected = convolutions + attentions + fusion + graph + embedding + 2 * layer + dense + lld + classifier
    assert sum(p.numel() for p in model.parameters()) == expected


def test_variants_are_what_they_say():
    assert create_model("magtf_net_frames", num_classes=4).inputs == ("log_mel", "lld")
    assert create_model("magtf_net", num_classes=4).inputs == ("log_mel", "functionals")
    first = create_model("magtf_net_graph_first", num_classes=4)
    assert first.encoder.graph.adjacency().shape == (128, 128)
    full = create_model("magtf_net", num_classes=4)
    assert create_model("magtf_net_without_lld", num_classes=4).inputs == ("log_mel",)
    assert create_model("magtf_net_without_lld", num_classes=4).classifier.in_features == 128
    without_graph = create_model("magtf_net_without_graph_block", num_classes=4)
    assert not any(isinstance(module, GraphBlock) for module in without_graph.modules())
    for sizes in KERNEL_SETS:
        variant = create_model(kernel_set_name(sizes), num_classes=4)
        assert [c.kernel_size[0] for c in variant.encoder.scales.convolutions] == list(sizes)
        rest = variant.config.model_copy(update={"kernel_sizes": full.config.kernel_sizes})
        assert rest == full.config, "only the kernels differ"
    adjacency = full.encoder.graph.adjacency()
    assert adjacency.shape == (40, 40)
    torch.testing.assert_close(adjacency.sum(dim=1), torch.ones(40))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"kernel_size": 3},
            r"unknown configuration key 'model.kernel_size', .*did you mean 'kernel_sizes'\?",
        ),
        (
            {"kernel_sizes": (3, 4)},
            r"model.kernel_sizes = \(3, 4\): a kernel spans an odd number of frames, found 4",
        ),
        ({"cnn_channels": (16, 0)}, r"model.cnn_channels\S* = 0: input should be greater than or equal to 1"),
        ({"kernel_sizes": (99_999,)}, r"model.kernel_sizes\S* = 99999: input should be less than or equal"),
        ({"dropout": 1.5}, r"configuration model.dropout = 1.5: input should be less than 1"),
        ({"num_nodes": 200}, "num_nodes must lie between 1 and d_model 128, found 200"),
        ({"num_heads": 3}, "d_model 128 must be a multiple of num_heads 3"),
        ({"graph_order": "last"}, "model.graph_order = 'last'"),
        ({"num_classes": 1}, "model.num_classes = 1"),
    ],
)
def test_refused_values_are_named(overrides, message):
    with pytest.raises(ConfigError, match=message):
        create_model("magtf_net", **({"num_classes": 4} | overrides))


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("magtf_net_without_lld", {"lld_input": "functionals"}, "this system has 'none'; name another model"),
        ("magtf_net_kernels_3", {"kernel_sizes": [5]}, r"this system has \(3,\)"),
        ("cnn_blstm", {"context": "transformer"}, "this system has 'blstm'"),
    ],
)
def test_a_named_system_stays_what_it_is(name, overrides, message):
    with pytest.raises(ConfigError, match=message):
        create_model(name, num_classes=4, **overrides)
    create_model("magtf_net_kernels_3", num_classes=4, kernel_sizes=[3])
