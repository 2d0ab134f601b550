"""The BLSTM beside PyTorch's packed sequences, the convolutions beside plain ones on lone utterances."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from magtfnet.models.blocks.blstm import BLSTM, reverse
from magtfnet.models.blocks.cnn_encoder import CNNEncoder, pooled
from magtfnet.models.layout import Packed, Padded

LENGTHS = torch.tensor([5, 9, 1])


def test_only_real_frames_are_reversed():
    frames = torch.tensor([[[1.0], [2.0], [3.0], [9.0]], [[4.0], [8.0], [8.0], [8.0]]])
    found = reverse(frames, torch.tensor([3, 1]))
    assert found[:, :, 0].tolist() == [[3.0, 2.0, 1.0, 9.0], [4.0, 8.0, 8.0, 8.0]]


@pytest.mark.parametrize("layout", [Packed(LENGTHS, 16), Padded(LENGTHS, 9)])
def test_blstm_is_pytorchs_on_packed_sequences(layout):
    torch.manual_seed(0)
    ours = BLSTM(6, 3, dropout=0.0).eval()
    theirs = nn.LSTM(6, 3, batch_first=True, bidirectional=True)
    weights = {name: value for name, value in ours.ahead.state_dict().items()}
    weights |= {f"{name}_reverse": value for name, value in ours.back.state_dict().items()}
    theirs.load_state_dict(weights)
    frames = torch.randn(3, 9, 6)
    packed = pack_padded_sequence(frames, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    found = layout.pad(ours(layout.arrange(frames), layout))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_convolutions_see_each_utterance_as_if_alone():
    torch.manual_seed(0)
    encoder = CNNEncoder(7, (2, 3), 3, 4)
    frames = torch.randn(3, 9, 7)
    found, layout = encoder(frames, LENGTHS)
    parts = torch.split(found, layout.counts)
    assert layout.lengths.tolist() == [2, 3, 1]  # 5 -> 3 -> 2, 9 -> 5 -> 3, 1 -> 1 -> 1
    for utterance, length, part in zip(frames, LENGTHS, parts, strict=False):
        picture = utterance[None, None, :length]
        for convolution in encoder.convolutions:
            picture = functional.max_pool2d(convolution(picture).relu(), 2, ceil_mode=True)
        expected = encoder.embedding(picture.transpose(1, 2).flatten(2))[0]
        torch.testing.assert_close(part, expected, atol=1e-6, rtol=1e-5)


def test_a_last_frame_that_is_alone_is_pooled_alone():
    assert [pooled(n) for n in (1, 2, 3, 40)] == [1, 1, 2, 20]
