"""The neural systems of Table 4: what makes each that system, by hand or beside plain code."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.fft import dct
from torch.nn import functional

from magtfnet import ConfigError, create_model
from magtfnet.models.baselines.cnn_channel_attention import AttendedConvolution
from magtfnet.models.baselines.densenet_gru import DenseLayer, _transition
from magtfnet.models.baselines.tim_net import TemporalAwareBlock
from magtfnet.models.blocks.attentive_pooling import AttentivePooling
from magtfnet.models.blocks.cosines import cosines
from magtfnet.models.blocks.delta import delta
from magtfnet.models.layout import Packed, Padded


def test_cepstra_are_scipys():
    frames = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    expected = dct(frames, type=2, norm="ortho", axis=1)[:, :39]
    np.testing.assert_allclose(torch.tensor(frames) @ cosines(40, 39), expected, atol=1e-5)


def test_deltas_by_hand():
    frames = torch.tensor([[[0.0], [1.0], [4.0], [9.0], [99.0]]])  # four real frames, the last goes on
    found = delta(frames, torch.tensor([4]))[0, :4, 0]
    expected = [
        (1 * (1 - 0) + 2 * (4 - 0)) / 10,
        (1 * (4 - 0) + 2 * (9 - 0)) / 10,
        (1 * (9 - 1) + 2 * (9 - 0)) / 10,
        (1 * (9 - 4) + 2 * (9 - 1)) / 10,
    ]
    assert found.tolist() == pytest.approx(expected)


def test_attention_weighs_real_frames_only():
    pooling = AttentivePooling(2, 3)
    with torch.no_grad():
        pooling.score.weight.zero_()
    frames, valid = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]]), torch.tensor([[True, True, False]])
    torch.testing.assert_close(pooling(frames, valid), torch.tensor([[2.0, 3.0]]))


def test_tim_nets_batch_normalisation_knows_real_frames_only():
    torch.manual_seed(0)
    one = create_model("tim_net", num_classes=3, dropout=0.0)
    two = deepcopy(one)
    frames, lengths = torch.randn(2, 9, 40), torch.tensor([9, 4])
    one(log_mel=frames, lengths=lengths)
    frames[1, 4:] = 50.0
    two(log_mel=torch.cat([frames, torch.full((2, 3, 40), torch.nan)], dim=1), lengths=lengths)
    for block, other in zip(one.ahead, two.ahead, strict=True):
        for norm, same in zip(block.norms, other.norms, strict=True):
            assert norm.running_mean.any()
            torch.testing.assert_close(same.running_mean, norm.running_mean)
            torch.testing.assert_close(same.running_var, norm.running_var)


@pytest.mark.parametrize("layout", [Padded(torch.tensor([12]), 12), Packed(torch.tensor([12]))])
def test_a_temporal_block_is_causal_and_gates_its_input(layout):
    torch.manual_seed(0)
    block = TemporalAwareBlock(3, 2, 4, dropout=0.0).eval()
    frames = torch.randn(1, 12, 3)
    changed = frames.clone()
    changed[0, 7] += 1.0
    before, after = (layout.pad(block(layout.arrange(given), layout)) for given in (frames, changed))
    assert torch.equal(before[0, :7], after[0, :7]), "nothing is known before it is said"
    assert not torch.allclose(before[0, 11], after[0, 11]), "four frames on it is remembered"
    assert ((before / frames >= 0.5) & (before / frames < 1)).all(), (
        "a gate of rectified values lies above one half"
    )


def test_a_temporal_blocks_product_is_its_dilated_convolution():
    torch.manual_seed(0)
    block, layout = TemporalAwareBlock(3, 4, 2, dropout=0.0), Packed(torch.tensor([5, 9]))
    frames = torch.randn(14, 3)
    convolution = block.convolutions[0]
    expected = [
        convolution(functional.pad(part.T[None], (6, 0)))[0].T for part in torch.split(frames, [5, 9])
    ]
    torch.testing.assert_close(block._convolve(convolution, frames, layout), torch.cat(expected))


def test_tim_nets_products_have_few_different_numbers_of_rows(monkeypatch):
    """OneDNN keeps compiled kernels for each, so memory would grow from batch to batch."""
    rows, product = set(), functional.linear

    def watched(frames, weight, bias=None):
        if frames.dim() == 2 and len(frames) > 2:  # of the classifier, two utterances
            rows.add(len(frames))
        return product(frames, weight, bias)

    monkeypatch.setattr(functional, "linear", watched)
    model = create_model("tim_net", num_classes=3, num_blocks=2)
    for longest in (30, 45, 77, 200):
        model(log_mel=torch.randn(2, longest, 40), lengths=torch.tensor([longest, 20]))
    assert rows == {256}


def test_a_temporal_block_drops_whole_channels_of_an_utterance():
    torch.manual_seed(0)
    block, layout = TemporalAwareBlock(64, 2, 1, dropout=0.5), Packed(torch.tensor([5, 9]))
    for norm in block.norms:
        torch.nn.init.constant_(norm.bias, 9.0)  # nothing is rectified away
    dropped = block(torch.ones(14, 64), layout) == 0.5  # the gate of nothing
    for part in torch.split(dropped, [5, 9]):
        assert torch.equal(part.all(dim=0), part.any(dim=0))
        assert 10 < part[0].sum() < 54
    assert not torch.equal(dropped[0], dropped[5])


@pytest.mark.parametrize("channels", [1, 3])
def test_an_attended_convolution_is_a_convolution_whose_channels_are_weighed(channels):
    torch.manual_seed(0)
    layer = AttendedConvolution(channels, 16, reduction=2).double()
    picture = torch.randn(2, channels, 7, 5, dtype=torch.double)
    plain = torch.relu(layer.norm(layer.convolution(picture)))
    weighed = plain * layer.attention(plain.mean(dim=(2, 3)))[:, :, None, None]
    expected = functional.max_pool2d(weighed, 2, ceil_mode=True)
    found = layer(picture)
    assert found.shape == (2, 16, 4, 3)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    slopes, others = (
        torch.autograd.grad(out.square().sum(), layer.parameters()) for out in (found, expected)
    )
    torch.testing.assert_close(slopes, others, atol=1e-10, rtol=0)


def test_tim_net_has_no_more_cepstra_than_bands():
    with pytest.raises(ConfigError, match="num_cepstra 39 must be at most the 26 bands; lower it"):
        create_model("tim_net", num_classes=3, n_mels=26)
    create_model("tim_net", num_classes=3, n_mels=26, num_cepstra=26)


def test_tim_net_reads_both_ways_and_fuses_its_spans():
    torch.manual_seed(0)
    model = create_model("tim_net", num_classes=3).eval()
    assert len(model.ahead) == len(model.back) == 8
    assert [block.convolutions[0].dilation[0] for block in model.ahead] == [1, 2, 4, 8, 16, 32, 64, 128]
    frames, lengths = torch.randn(1, 30, 40), torch.tensor([30])
    with torch.no_grad():
        for first, second in zip(model.ahead.parameters(), model.back.parameters(), strict=True):
            second.copy_(first)
        for first, second in zip(model.starts[0].parameters(), model.starts[1].parameters(), strict=True):
            second.copy_(first)
        turned = model(log_mel=frames.flip(1), lengths=lengths)
        torch.testing.assert_close(model(log_mel=frames, lengths=lengths), turned)


def test_a_dense_layer_keeps_its_input():
    layer = DenseLayer(2, 3, dropout=0.0).eval()
    picture = torch.randn(1, 2, 4, 4)
    found = layer(picture)
    assert found.shape == (1, 5, 4, 4)
    assert torch.equal(found[:, :2], picture)


def test_a_transition_halves_everything():
    torch.manual_seed(0)
    norm, _, _, convolution = transition = _transition(6)
    picture = torch.randn(2, 6, 5, 8)
    plain = functional.avg_pool2d(convolution(torch.relu(norm(picture))), 2, ceil_mode=True)
    found = transition(picture)
    assert found.shape == (2, 3, 3, 4)
    torch.testing.assert_close(found, plain)


def test_acrnn_sees_three_pictures_at_its_papers_sizes():
    model = create_model("acrnn_3d", num_classes=4)
    assert [(c.in_channels, c.out_channels) for c in model.convolutions] == [(3, 128), (128, 256)] + [
        (256, 256)
    ] * 4
    assert {c.kernel_size for c in model.convolutions} == {(5, 3)}
    assert model.linear.in_features == 256 * 10
    assert model.blstm.ahead.hidden_size == 128


def test_channel_attention_weighs_channels():
    model = create_model("cnn_channel_attention", num_classes=3).eval()
    layer = model.layers[0]
    with torch.no_grad():
        layer.attention.excite.bias.fill_(-100.0)  # every weight is zero
    assert not layer(torch.randn(1, 1, 8, 8)).any()


def test_each_kind_asks_the_other_in_dual_tbnet():
    torch.manual_seed(0)
    model = create_model("dual_tbnet", num_classes=3).eval()
    seen = []
    for transformer in model.transformers:
        transformer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[:2]))
    model(log_mel=torch.randn(1, 6, 40), lld=torch.randn(1, 6, 12), lengths=torch.tensor([6]))
    assert torch.equal(seen[0][0], seen[1][1])
    assert torch.equal(seen[0][1], seen[1][0])
    with pytest.raises(ConfigError, match="d_model 30 must be even and a multiple of num_heads 4"):
        create_model("dual_tbnet", num_classes=3, d_model=30)


@pytest.mark.parametrize("name", ["acrnn_3d", "densenet_gru", "cnn_channel_attention"])
def test_systems_of_slices_average_their_slices(name):
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, slice_frames=20).eval()
    frames = torch.randn(1, 40, 40)
    frames[:, 18:22] = frames[:, 18:19]  # constant where deltas look across the cut
    frames[:, :2], frames[:, -2:] = frames[:, :1], frames[:, -1:]
    whole = model(log_mel=frames, lengths=torch.tensor([40])).softmax(-1)
    each = [
        functional.softmax(model(log_mel=piece, lengths=torch.tensor([20])), dim=-1)
        for piece in (frames[:, :20], frames[:, 20:])
    ]
    torch.testing.assert_close(whole, torch.stack(each).mean(dim=0), atol=1e-3, rtol=1e-2)
