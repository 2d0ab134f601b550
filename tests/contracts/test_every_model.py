"""What every registered model must do; a new one is tested the day it is registered."""

import numpy as np
import pytest
import torch
from tiny_model import TINY

from magtfnet import Bundle, load_config
from magtfnet.deploy import export
from magtfnet.features import Standardizer
from magtfnet.labels import LabelSet
from magtfnet.models import create_model, list_models
from magtfnet.recognizer.bundle import build
from magtfnet.recognizer.onnx_engine import OnnxEngine, run_graph
from magtfnet.recognizer.torch_engine import TorchEngine

NUM_CLASSES = 5
SMALL = {
    "acrnn_3d": ["model.first_channels=4", "model.channels=4", "model.linear=8", "model.cells=4"],
    "cnn_channel_attention": ["model.channels=[4,4]"],
    "densenet_gru": ["model.growth=4", "model.layers=[2,2]", "model.cells=8"],
    "dual_tbnet": ["model.d_model=16", "model.num_heads=2"],
    "fisher_discriminant": ["model.num_components=4", "model.num_kernels=20"],
    "tim_net": ["model.filters=8"],
}
"""Sizes of models of other families than MAGTF-Net's, so that exporting them is quick."""
LENGTHS = (1, 7, 23, 40)


@pytest.fixture(params=list_models())
def model(request):
    torch.manual_seed(0)
    built = create_model(request.param, num_classes=NUM_CLASSES)
    _move_statistics(built)
    return built.eval()


def _move_statistics(model):
    """BatchNorm as made would hide a mistake: give it statistics that are not 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.3)
        if name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)


def features(model, lengths=LENGTHS, seed=2, padding=0.0, extra=0):
    """Random features of the model's inputs, ``extra`` frames longer than the longest, ``padding`` behind each."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(lengths)
    time = int(lengths.max())
    sizes = {"log_mel": model.config.n_mels, "lld": model.config.num_descriptors}
    batch = {"lengths": lengths}
    for name in model.inputs:
        if name == "functionals":
            batch[name] = torch.randn(len(lengths), model.config.num_functionals, generator=generator)
            continue
        real = torch.randn(len(lengths), time, sizes[name], generator=generator)
        frames = torch.full((len(lengths), time + extra, sizes[name]), padding)
        for i, length in enumerate(lengths):
            frames[i, :length] = real[i, :length]
        batch[name] = frames
    return batch


def test_what_decides_at_the_end_has_all_digits(model):
    if model.solved:
        pytest.skip("solved for: it never learns under autocast")
    batch = features(model)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        told = model.train()(**batch)
    assert told.dtype == torch.float32
    assert not torch.equal(told, told.bfloat16().float())


def only(batch, index):
    """One utterance of a batch, without its padding."""
    length = int(batch["lengths"][index])
    one = {name: value[index : index + 1] for name, value in batch.items()}
    return {name: value[:, :length] if value.ndim == 3 else value for name, value in one.items()}


@torch.inference_mode()
def test_logits_have_a_row_an_utterance_and_are_finite(model):
    logits = model(**features(model))
    assert logits.shape == (len(LENGTHS), NUM_CLASSES)
    assert logits.isfinite().all()


def test_every_parameter_has_a_gradient(model):
    model.train()
    model(**features(model)).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@torch.inference_mode()
def test_logits_of_an_utterance_are_the_same_alone_and_in_a_batch(model):
    batch = features(model)
    together = model(**batch)
    for i in range(len(LENGTHS)):
        torch.testing.assert_close(model(**only(batch, i))[0], together[i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("padding", [1e3, float("nan")])
@torch.inference_mode()
def test_padding_changes_nothing(model, padding):
    plain = model(**features(model))
    padded = model(**features(model, padding=padding, extra=9))
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_order_in_the_batch_only_orders_the_logits(model):
    batch = features(model)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = model(**{name: value[order] for name, value in batch.items()})
    torch.testing.assert_close(shuffled, model(**batch)[order], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_evaluation_is_deterministic(model):
    batch = features(model)
    assert torch.equal(model(**batch), model(**batch))


@torch.inference_mode()
def test_training_is_not_deterministic_where_there_is_dropout(model):
    batch = features(model, lengths=(30, 30))
    model.train()
    assert torch.equal(model(**batch), model(**batch)) == (not hasattr(model.config, "dropout"))


@torch.no_grad()  # not inference mode: a GRU whose weights are made in it takes another path, and rounds otherwise
def test_weights_make_the_same_model_again(model):
    other = type(model)(model.config)
    other.load_state_dict(model.state_dict())
    batch = features(model)
    assert torch.equal(other.eval()(**batch), model(**batch))


@pytest.mark.parametrize("length", [1, 3000])
@torch.inference_mode()
def test_shortest_and_long_utterances(model, length):
    assert model(**features(model, lengths=(length,))).isfinite().all()


@torch.inference_mode()
def test_logits_depend_on_every_input(model):
    batch = features(model)
    for name in model.inputs:
        changed = batch | {name: batch[name] + 1.0}
        assert not torch.allclose(model(**changed), model(**batch), atol=1e-4), name


@pytest.mark.parametrize("name", list_models())
def test_an_exported_file_answers_alike(name):
    """Export itself refuses what answers otherwise, from 0.1 to 60 s; here for any number of utterances."""
    config = load_config(None, [*SMALL.get(name, TINY), f"model.name={name}"])
    torch.manual_seed(0)
    built, _ = build(NUM_CLASSES, config.audio, config.features, config.model)
    _move_statistics(built)
    standardizer = Standardizer(40, 12, 24)
    standardizer.log_mel_mean.fill_(-9.0)
    standardizer.log_mel_std.fill_(4.0)
    for kind in ("lld", "functionals"):
        standardizer.get_buffer(f"{kind}_std").fill_(1_000.0)
    labels = LabelSet(tuple("abcde"))
    bundle = Bundle(built.eval(), standardizer, labels, config.audio, config.features, config.model)
    generator = np.random.default_rng(0)
    waveforms = [0.1 * generator.standard_normal(size).astype(np.float32) for size in (400, 9_000, 23_456)]
    expected = TorchEngine(bundle).probabilities(waveforms)
    found = run_graph(OnnxEngine(export(bundle)).session, waveforms)
    assert np.abs(found - expected).max() < 1e-4
