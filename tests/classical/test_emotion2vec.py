"""emotion2vec: the authors' own numbers, what is read of a file, and what is refused."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_emotion2vec import AUDIO, FUNASR_1_4_16, published_weights, two_tones
from torch.nn import functional

from magtfnet import ConfigError, MissingExtraError, Waveform
from magtfnet.classical import create_classical
from magtfnet.classical.emotion2vec import Emotion2Vec, alibi_slopes, renamed
from magtfnet.classical.emotion2vec_encoder import Emotion2VecEncoder
from magtfnet.classical.encoders import load_encoder

WAVEFORM = Waveform(two_tones(), 16_000)


@pytest.mark.parametrize(("heads", "per_layer"), FUNASR_1_4_16)
def test_it_says_what_the_authors_network_says(heads, per_layer):
    network = Emotion2Vec(renamed(published_weights(heads, 4 * heads, per_layer))).double()
    samples = torch.from_numpy(two_tones()).double()[None]
    with torch.no_grad():
        states = network(functional.layer_norm(samples, samples.shape[-1:])).hidden_states
    assert [tuple(state.shape) for state in states] == [(1, 24, 4 * heads)] * 3
    for state, expected in zip((states[0], states[-1]), FUNASR_1_4_16[heads, per_layer], strict=True):
        np.testing.assert_allclose(state.mean(dim=1)[0, :4], expected, atol=2e-5)


def test_slopes_are_geometric_and_other_numbers_of_heads_take_those_between():
    assert alibi_slopes(8) == [2.0**-n for n in range(1, 9)]
    assert alibi_slopes(12) == [2.0**-n for n in range(1, 9)] + [2.0 ** -(n + 0.5) for n in range(4)]
    assert alibi_slopes(1) == [2.0**-8]


@pytest.mark.parametrize("wrapped", [lambda w: w, lambda w: {"model": w, "epoch": 3}])
@pytest.mark.parametrize("front", ["", "d2v_model."])
def test_files_are_read_whatever_saved_them(tmp_path, wrapped, front):
    weights = published_weights(4, 16)
    more = weights | {"_ema.blocks.0.norm1.weight": torch.ones(3), AUDIO + "decoder.proj.bias": torch.ones(3)}
    torch.save(wrapped({front + name: value for name, value in more.items()}), tmp_path / "model.pt")
    expected = _encoder(weights, tmp_path / "plain")
    found = load_encoder(str(tmp_path), download=False)
    assert found.kind == "emotion2vec"
    assert found.width == 16
    assert found.fingerprint() == expected.fingerprint()
    with torch.no_grad():
        layers = found(WAVEFORM)
    assert layers.shape == (3, 16)
    np.testing.assert_allclose(layers[0, :4], FUNASR_1_4_16[4, False][0], atol=1e-3)  # float32


def test_half_precision_is_read_as_float32(tmp_path):
    encoder = _encoder(
        {name: value.half() for name, value in published_weights(4, 16).items()}, tmp_path / "w"
    )
    assert {value.dtype for value in encoder.parameters()} == {torch.float32}


def test_layers_behind_one_another_and_the_last(tmp_path):
    encoder = _encoder(published_weights(4, 16), tmp_path / "w").eval()
    with torch.no_grad():
        assert torch.equal(encoder.frames(WAVEFORM).relu().mean(dim=0), encoder.rectified(WAVEFORM))
        torch.testing.assert_close(encoder.frames(WAVEFORM).mean(dim=0), encoder(WAVEFORM)[-1])
        assert encoder(Waveform(np.zeros(1, np.float32), 16_000)).isfinite().all()
    with pytest.raises(ConfigError, match=r"audio.sample_rate = 8000: these encoders know 16000 Hz"):
        encoder(Waveform(two_tones(), 8000))


def test_what_lies_below_the_transformer_is_frozen_and_nothing_else(tmp_path):
    encoder = _encoder(published_weights(4, 16), tmp_path / "w")
    encoder.freeze_below_transformer()
    still = {name for name, value in encoder.network.named_parameters() if not value.requires_grad}
    assert still == {
        name
        for name, _ in encoder.network.named_parameters()
        if name.startswith(("convolutions.", "projection."))
    }


def test_nothing_of_a_file_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "w").mkdir()
    torch.save({"model": published_weights(4, 16), "cfg": Trap()}, tmp_path / "w" / "model.pt")
    with pytest.raises(
        ConfigError,
        match=r"model.pt holds no weights that can be read without executing it \(it names .*open\); if it is whole",
    ):
        load_encoder(str(tmp_path / "w"), download=False)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "content"), [("model.pt", b""), ("model.pt", b"PK\3\4..."), ("w.safetensors", b"x")]
)
def test_damaged_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name} holds no weights that can be read without executing"):
        load_encoder(str(tmp_path), download=False)


def test_other_networks_and_shapes_are_refused(tmp_path):
    save_file({"encoder.weight": torch.ones(3)}, tmp_path / "w.safetensors")
    with pytest.raises(
        ConfigError,
        match=r"is no checkpoint of emotion2vec, found no extra_tokens; other encoders",
    ):
        load_encoder(str(tmp_path), download=False)
    weights = published_weights(4, 16)
    weights["blocks.1.attn.proj.bias"] = torch.ones(3)
    with pytest.raises(
        ConfigError, match=r"is no checkpoint of emotion2vec \(size mismatch for blocks.1.attn.proj"
    ):
        _encoder(weights, tmp_path / "shape")
    del weights["blocks.1.attn.proj.bias"]
    with pytest.raises(
        ConfigError, match=r"is no checkpoint of emotion2vec \(Missing key.*blocks.1.attn.proj.bias"
    ):
        _encoder(weights, tmp_path / "missing")


def test_safetensors_beside_the_published_file_are_taken(tmp_path):
    torch.save({"not": "these"}, tmp_path / "model.pt")
    save_file(published_weights(4, 16), tmp_path / "model.safetensors")
    assert load_encoder(str(tmp_path), download=False).width == 16


def test_two_files_of_one_kind_are_one_too_many(tmp_path):
    for name in ("a.pt", "b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"expected one file of weights in it, found a.pt, b.pth"):
        load_encoder(str(tmp_path), download=False)


def test_what_trainers_save_beside_the_weights_does_no_harm(tmp_path):
    extra = {"args": Namespace(lr=0.1), "loss": np.float64(0.5), "step": np.int64(3), "cfg": {"a": [1, None]}}
    torch.save({"model": published_weights(4, 16), **extra}, tmp_path / "model.pt")
    assert load_encoder(str(tmp_path), download=False).width == 16


@pytest.mark.parametrize("shape", [(16,), (1, 1, 1, 1, 1), (1, 1, 3, 1, 1)])
def test_a_scale_that_does_not_tell_the_heads_is_refused(tmp_path, shape):
    weights = published_weights(4, 16) | {AUDIO + "alibi_scale": torch.ones(shape)}
    with pytest.raises(
        ConfigError, match=r"alibi_scale has the shape .*, expected one slope a head of 16 channels"
    ):
        _encoder(weights, tmp_path / "w")


def test_groups_that_do_not_divide_the_channels_are_refused(tmp_path):
    weights = published_weights(4, 16)
    weights[AUDIO + "relative_positional_encoder.1.0.weight"] = torch.ones(16, 5, 6)
    with pytest.raises(ConfigError, match="is no checkpoint of emotion2vec"):
        _encoder(weights, tmp_path / "w")


@pytest.mark.parametrize("name", ["emotion2vec/emotion2vec_none", "iic/emotion2vec_none", "emotion2vec_none"])
def test_weights_that_are_not_at_hand_are_named_as_the_hub_names_them(monkeypatch, tmp_path, name):
    hub = pytest.importorskip(
        "huggingface_hub", reason="huggingface_hub is not installed (extra 'pretrained')"
    )
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    there = r"the weights of emotion2vec/emotion2vec_none are not at hand; 'hf download emotion2vec/emotion2vec_none"
    with pytest.raises(ConfigError, match=there):
        create_classical("emotion2vec_frozen", weights=name)


@pytest.mark.parametrize(
    "path",
    ["weights/emotion2vec_base", "weights/mine/emotion2vec_base", "./emotion2vec_base", "~/emotion2vec_base"],
)
def test_a_folder_that_is_not_there_is_never_the_hubs_model_of_its_name(monkeypatch, tmp_path, path):
    hub = pytest.importorskip(
        "huggingface_hub", reason="huggingface_hub is not installed (extra 'pretrained')"
    )
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: pytest.fail("asked the hub"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    with pytest.raises(ConfigError, match=f"model.weights = '{path}': no such folder"):
        create_classical("emotion2vec_frozen", weights=path)


def test_a_download_that_fails_says_why(monkeypatch):
    hub = pytest.importorskip(
        "huggingface_hub", reason="huggingface_hub is not installed (extra 'pretrained')"
    )

    def fails(*_, **__):
        raise OSError("no route to it")

    monkeypatch.setattr(hub, "snapshot_download", fails)
    with pytest.raises(
        ConfigError, match=r"emotion2vec/emotion2vec_base cannot be fetched \(no route to it\); check"
    ):
        create_classical("emotion2vec_frozen", download=True)


def test_a_repository_without_weights_is_as_none(monkeypatch, tmp_path):
    hub = pytest.importorskip(
        "huggingface_hub", reason="huggingface_hub is not installed (extra 'pretrained')"
    )
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(ConfigError, match=r"the weights of emotion2vec/emotion2vec_base are not at hand"):
        create_classical("emotion2vec_frozen")


def test_a_name_needs_the_hubs_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface_hub"):
        create_classical("emotion2vec_frozen")


def _encoder(weights, folder):
    folder.mkdir()
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "w.safetensors")
    return Emotion2VecEncoder(str(folder), download=False)
