"""Masking, squeeze and excitation, multi-scale convolution, Transformer and LLD branch, by hand or by PyTorch's own."""

import pytest
import torch
from torch import nn

from magtfnet.models.blocks.linear import Linear
from magtfnet.models.blocks.lld_branch import FramesBranch, FunctionalsBranch
from magtfnet.models.blocks.multi_scale_conv import MultiScaleConv
from magtfnet.models.blocks.squeeze_excitation import SqueezeExcitation
from magtfnet.models.blocks.transformer_encoder import SelfAttention, TransformerEncoder, TransformerLayer
from magtfnet.models.layout import Packed
from magtfnet.models.masking import masked_mean, valid_frames, zero_padding


def test_valid_frames():
    assert valid_frames(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]


def test_masked_mean_by_hand():
    frames = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]]])
    assert masked_mean(frames, torch.tensor([[True, True, False]])).tolist() == [[2.0, 4.0]]


def test_zero_padding_takes_anything_away():
    frames = torch.tensor([[[1.0], [float("nan")]]])
    assert zero_padding(frames, torch.tensor([[True, False]])).tolist() == [[[1.0], [0.0]]]


def test_squeeze_excitation_by_hand():
    block = SqueezeExcitation(2, 2)
    with torch.no_grad():
        block.squeeze.weight.copy_(torch.tensor([[1.0, -1.0]]))
        block.squeeze.bias.zero_()
        block.excite.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        block.excite.bias.zero_()
    # means 3 and 1; ReLU(3 - 1) = 2; sigmoid(2) and sigmoid(-2)
    torch.testing.assert_close(block(torch.tensor([[3.0, 1.0]])), torch.sigmoid(torch.tensor([[2.0, -2.0]])))


def test_squeeze_excitation_never_has_an_empty_layer():
    assert SqueezeExcitation(2, 16).squeeze.out_features == 1


def test_multi_scale_convolution_by_hand():
    """One feature; kernels of 1 and 3 that sum; attention held at one half; the fusion adds the branches."""
    block = MultiScaleConv(1, 1, 1, (1, 3), reduction=1)
    with torch.no_grad():
        for convolution in block.convolutions:
            convolution.weight.fill_(1.0)
            convolution.bias.zero_()
        for attention in block.attentions:
            attention.excite.weight.zero_()
            attention.excite.bias.zero_()
        block.fusion.weight.fill_(1.0)
        block.fusion.bias.zero_()
    frames = torch.tensor([[1.0], [2.0], [-4.0], [3.0]])
    # kernel 1: [1 2 0 3] after ReLU; kernel 3: [3 -1 1 -1] to [3 0 1 0]; halves of both, summed
    assert block(frames, Packed(torch.tensor([4])))[:, 0].tolist() == [2.0, 1.0, 0.5, 1.5]


def test_transformer_layer_equals_pytorchs():
    torch.manual_seed(0)
    ours = TransformerLayer(16, 4, 32, dropout=0.0)
    theirs = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    names = {
        "self_attn.in_proj_weight": ours.attention.query_key_value.weight,
        "self_attn.in_proj_bias": ours.attention.query_key_value.bias,
        "self_attn.out_proj.weight": ours.attention.output.weight,
        "self_attn.out_proj.bias": ours.attention.output.bias,
        "linear1.weight": ours.expand.weight,
        "linear1.bias": ours.expand.bias,
        "linear2.weight": ours.contract.weight,
        "linear2.bias": ours.contract.bias,
        "norm1.weight": ours.attention_norm.weight,
        "norm1.bias": ours.attention_norm.bias,
        "norm2.weight": ours.ffn_norm.weight,
        "norm2.bias": ours.ffn_norm.bias,
    }
    theirs.load_state_dict({name: value.detach() for name, value in names.items()})
    frames = torch.randn(3, 11, 16)
    layout = Packed(torch.tensor([11, 4, 1]))
    valid = valid_frames(layout.lengths, 11)
    expected = theirs(frames, src_key_padding_mask=~valid)[valid]
    torch.testing.assert_close(ours(layout.arrange(frames), layout), expected, atol=1e-5, rtol=1e-5)


def test_attention_of_one_head_by_hand():
    block = SelfAttention(1, 1)
    with torch.no_grad():
        block.query_key_value.weight.fill_(1.0)
        block.query_key_value.bias.zero_()
        block.output.weight.fill_(1.0)
        block.output.bias.zero_()
    # query 0 weighs 0 and 2 alike; query 2 weighs them 1 : e^4; the frame of another utterance is not seen
    e4 = torch.tensor(4.0).exp()
    found = block(torch.tensor([[0.0], [2.0], [77.0]]), Packed(torch.tensor([2, 1])))
    torch.testing.assert_close(found[:, 0], torch.tensor([1.0, (2 * e4 / (1 + e4)).item(), 77.0]))


def test_the_encoder_stacks_layers():
    encoder = TransformerEncoder(3, 8, 2, 16, 0.1)
    assert len(encoder.layers) == 3
    with pytest.raises(ValueError, match="d_model 10 must be a multiple of num_heads 4"):
        TransformerEncoder(1, 10, 4, 16, 0.1)


def test_functionals_branch_by_hand():
    branch = FunctionalsBranch(1, 1, dropout=0.0).eval()
    with torch.no_grad():
        for layer in branch.layers:
            if isinstance(layer, Linear):
                layer.weight.fill_(2.0)
                layer.bias.fill_(1.0)
    # BatchNorm as made divides by sqrt(1 + 1e-5); 3 -> 7 -> 15, -3 -> ReLU(-5) = 0 -> 1
    torch.testing.assert_close(
        branch(torch.ones(2), functionals=torch.tensor([[3.0], [-3.0]])),
        torch.tensor([[15.0], [1.0]]),
        rtol=1e-4,
        atol=0,
    )


def test_padded_frames_never_reach_batch_norm():
    torch.manual_seed(0)
    branches = [FramesBranch(3, 4, dropout=0.0) for _ in range(2)]
    branches[1].load_state_dict(branches[0].state_dict())
    lld = torch.randn(2, 5, 3)
    lengths = torch.tensor([5, 2])
    longer = torch.cat([lld, torch.full((2, 4, 3), 1e3)], dim=1)
    longer[1, 2:] = -1e3
    plain = branches[0](lengths, lld=lld)
    padded = branches[1](lengths, lld=longer)
    torch.testing.assert_close(padded, plain)
    for name, value in branches[0].state_dict().items():
        torch.testing.assert_close(branches[1].state_dict()[name], value)
