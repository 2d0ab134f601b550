"""Packed frames, padded frames and plain loops over utterances give the same numbers."""

import pytest
import torch

from magtfnet import create_model, list_models
from magtfnet.models.blocks import cnn_encoder, mag_encoder
from magtfnet.models.layout import SHORT, Packed, Padded, layout_of

LENGTHS = torch.tensor([1, 7, 12, 3])


@pytest.fixture
def padded():
    """Frames (4, 12, 5) with what must not be seen in their padding."""
    torch.manual_seed(0)
    frames = torch.randn(4, 12, 5)
    for row, length in zip(frames, LENGTHS, strict=True):
        row[length:] = torch.nan
    return frames


def rows(layout, frames):
    """The real frames of any layout, one after another."""
    return frames[layout.valid] if isinstance(layout, Padded) else frames[: int(LENGTHS.sum())]


@pytest.fixture(params=["packed", "filled up", "padded"])
def layout(request):
    if request.param == "padded":
        return Padded(LENGTHS, 12)
    return Packed(LENGTHS, 16 if request.param == "filled up" else 1)


def test_rows_are_filled_up_with_zeros(padded):
    arranged = Packed(LENGTHS, 16).arrange(padded)
    assert len(arranged) == 32
    assert not arranged[int(LENGTHS.sum()) :].any()
    assert len(Packed(LENGTHS).arrange(padded)) == int(LENGTHS.sum()) == 23


def test_only_real_frames_are_arranged(layout, padded):
    expected = torch.cat([frames[:n] for frames, n in zip(padded, LENGTHS, strict=True)])
    arranged = layout.arrange(padded)
    assert arranged.isfinite().all()
    assert torch.equal(rows(layout, arranged), expected)


def test_windows_see_zeros_beyond_the_ends(layout, padded):
    found = rows(layout, layout.windows(layout.arrange(padded), 3)).view(-1, 3, 5)
    first_of_second = 1  # behind the one frame of the first utterance
    assert torch.equal(found[0], torch.stack([torch.zeros(5), padded[0, 0], torch.zeros(5)]))
    assert torch.equal(found[first_of_second], torch.stack([torch.zeros(5), padded[1, 0], padded[1, 1]]))
    assert torch.equal(found[first_of_second + 3], padded[1, 2:5])


@pytest.mark.parametrize("count", [0, 1, 4, 40])
def test_delayed_frames_are_of_their_own_utterance(layout, padded, count):
    found = rows(layout, layout.delayed(layout.arrange(padded), count))
    expected = torch.cat(
        [
            torch.cat([torch.zeros(count, 5), frames[:n]])[:n]
            for frames, n in zip(padded, LENGTHS, strict=True)
        ]
    )
    assert torch.equal(found, expected)


def test_padding_comes_back_as_zeros(layout, padded):
    assert torch.equal(layout.pad(layout.arrange(padded)), padded.nan_to_num(0.0))


def test_means_are_over_real_frames(layout, padded):
    expected = torch.stack([frames[:n].mean(dim=0) for frames, n in zip(padded, LENGTHS, strict=True)])
    torch.testing.assert_close(layout.mean(layout.arrange(padded)), expected)


def test_each_utterance_is_scaled_by_its_own_weights(layout, padded):
    weights = torch.randn(4, 5)
    expected = torch.cat([f[:n] * w for f, n, w in zip(padded, LENGTHS, weights, strict=True)])
    assert torch.equal(rows(layout, layout.scale(layout.arrange(padded), weights)), expected)


def test_attention_by_its_definition(layout):
    torch.manual_seed(0)
    frames = torch.randn(4, 12, 3 * 4)  # two heads of two features
    expected = []
    for utterance, n in zip(frames, LENGTHS, strict=True):
        query, key, value = utterance[:n].view(n, 3, 2, 2).permute(1, 2, 0, 3)
        weights = (query @ key.transpose(1, 2) / 2**0.5).softmax(dim=-1)
        expected.append((weights @ value).transpose(0, 1).reshape(n, 4))
    found = rows(layout, layout.attend(layout.arrange(frames), num_heads=2))
    torch.testing.assert_close(found, torch.cat(expected))


@pytest.mark.parametrize("length", [9, SHORT + 1])
def test_attention_in_bfloat16_is_that_of_float32_to_its_digits(length):
    torch.manual_seed(0)
    frames, packed = torch.randn(length, 12), Packed(torch.tensor([length]))
    found = packed.attend(frames.bfloat16(), num_heads=2)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), packed.attend(frames, num_heads=2), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", list_models())
def test_a_model_is_the_same_in_both_layouts(name, monkeypatch):
    torch.manual_seed(0)
    model = create_model(name, num_classes=4)
    if hasattr(model.config, "dropout"):
        model = create_model(name, num_classes=4, dropout=0.0)
    batch = {"log_mel": torch.randn(3, 30, 40), "lengths": torch.tensor([30, 5, 17])}
    others = {"lld": torch.randn(3, 30, 12), "functionals": torch.randn(3, 24)}
    batch |= {name: value for name, value in others.items() if name in model.inputs}
    results = []
    for make in (layout_of, lambda frames, lengths: Padded(lengths, frames.shape[1])):
        for encoder in (mag_encoder, cnn_encoder):
            monkeypatch.setattr(encoder, "layout_of", make)
        model.zero_grad()
        logits = model(**batch)
        logits.square().sum().backward()
        results.append((logits, [parameter.grad for parameter in model.parameters()]))
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-4)


def test_frames_on_a_cpu_are_packed_and_elsewhere_padded():
    assert isinstance(layout_of(torch.zeros(4, 12, 5), LENGTHS), Packed)
    assert isinstance(layout_of(torch.zeros(4, 12, 5, device="meta"), LENGTHS), Padded)
