"""The systems of Tables 1 and 2: slices by hand, and which part stands in which system."""

import pytest
import torch

from magtfnet import ConfigError, create_model
from magtfnet.models.blocks.blstm import BLSTM
from magtfnet.models.blocks.cnn_encoder import CNNEncoder
from magtfnet.models.blocks.mag_encoder import MAGEncoder
from magtfnet.models.blocks.slices import cut
from magtfnet.models.blocks.transformer_encoder import TransformerEncoder


def test_slices_by_hand():
    frames = torch.arange(1.0, 11.0).view(2, 5, 1)  # 1 .. 5 and 6 .. 10, of which two frames are real
    slices, owners = cut(frames, torch.tensor([5, 2]), 2)
    assert slices[:, :, 0].tolist() == [[1, 2], [3, 4], [5, 0], [6, 7]]
    assert owners.tolist() == [0, 0, 0, 1]


def test_an_utterances_probabilities_are_the_mean_of_its_slices():
    torch.manual_seed(0)
    model = create_model("cnn_blstm", num_classes=3, slice_frames=10).eval()
    frames, functionals = torch.randn(1, 25, 40), torch.randn(1, 24)
    whole = model(log_mel=frames, lengths=torch.tensor([25]), functionals=functionals).softmax(-1)
    last = torch.cat([frames[:, 20:], torch.zeros(1, 5, 40)], dim=1)
    slices = [frames[:, :10], frames[:, 10:20], last]
    each = [
        model(log_mel=piece, lengths=torch.tensor([10]), functionals=functionals).softmax(-1)
        for piece in slices
    ]
    torch.testing.assert_close(whole, torch.stack(each).mean(dim=0))


def test_a_short_utterance_is_filled_up_and_the_silence_takes_part():
    torch.manual_seed(0)
    model = create_model("cnn_blstm", num_classes=3).eval()
    frames, functionals = torch.randn(1, 40, 40), torch.randn(1, 24)
    filled = torch.cat([frames, torch.zeros(1, 260, 40)], dim=1)
    short = model(log_mel=frames, lengths=torch.tensor([40]), functionals=functionals)
    long = model(log_mel=filled, lengths=torch.tensor([300]), functionals=functionals)
    torch.testing.assert_close(short, long)


@pytest.mark.parametrize(
    ("name", "encoder", "context"),
    [
        ("cnn_blstm", CNNEncoder, BLSTM),
        ("d_cnn_blstm", CNNEncoder, BLSTM),
        ("d_mag_blstm", MAGEncoder, BLSTM),
        ("d_cnn_transformer", CNNEncoder, TransformerEncoder),
    ],
)
def test_each_system_has_its_parts_with_and_without_descriptors(name, encoder, context):
    for suffix, inputs in (("", ("log_mel", "functionals")), ("_without_lld", ("log_mel",))):
        model = create_model(name + suffix, num_classes=4)
        net = getattr(model, "net", model)
        assert model.inputs == inputs
        assert isinstance(net.encoder, encoder)
        assert isinstance(net.context, context)


def test_slices_of_descriptors_are_refused():
    with pytest.raises(ConfigError, match=r"model.lld_input = 'frames': slices take 'functionals' or 'none'"):
        create_model("cnn_blstm", num_classes=4, lld_input="frames")
    with pytest.raises(ConfigError, match="d_model 127 must be even"):
        create_model("cnn_blstm", num_classes=4, d_model=127)
