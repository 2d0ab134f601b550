"""Pretrained encoders: what is read of a checkpoint, what is kept, what learns, and what is refused."""

import importlib
import json
import re
import shutil
from pickle import UnpicklingError

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from magtfnet import ConfigError, Waveform, load_config, protocols
from magtfnet.classical import create_classical
from magtfnet.classical import encoder as encoder_module
from magtfnet.classical.encoder import RATE, PretrainedEncoder
from magtfnet.classical.encoders import load_encoder
from magtfnet.classical.latent_masking import LatentMasking, spans
from magtfnet.classical.layer_cache import LayerCache
from magtfnet.classical.masked_prediction import SPAN, go_on_pretraining, masked_frames, others
from magtfnet.classical.pretrained import rarity
from magtfnet.classical.weights_at_hand import where_to_get
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.experiments import classical_run
from magtfnet.experiments.preparation import part_data, prepare_training
from magtfnet.features import FeatureStore
from magtfnet.features.store import Recording
from magtfnet.training.seeding import seeded

pytest.importorskip("transformers", reason="transformers is not installed (extra 'pretrained')")


@pytest.fixture(scope="module")
def training(synthetic, tmp_path_factory):
    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    store = prepare_training(synthetic, synthetic, load_config(), cache=tmp_path_factory.mktemp("features"))
    return part_data(store, split.test, synthetic.labels)


def speech(seconds, seed=0):
    return Waveform(
        np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds)).astype(np.float32), 16000
    )


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm"])
def test_layers_are_means_over_time_of_the_networks_own(kind, checkpoints):
    from transformers import AutoModel

    encoder = load_encoder(str(checkpoints(kind)), download=False).eval()
    waveform = speech(0.5)
    plain = AutoModel.from_pretrained(checkpoints(kind)).eval()
    samples = torch.from_numpy((waveform.samples - waveform.samples.mean()) / waveform.samples.std())[None]
    with torch.no_grad():
        expected = plain(samples, output_hidden_states=True).hidden_states
        found = encoder(waveform)
    assert found.shape == (3, 16)
    torch.testing.assert_close(
        found, torch.stack([layer[0].mean(dim=0) for layer in expected]), atol=1e-3, rtol=1e-3
    )


def test_whispers_silence_is_left_out(checkpoints):
    encoder = load_encoder(str(checkpoints("whisper")), download=False).eval()
    waveform = speech(1.0)
    with torch.no_grad():
        outputs = encoder.network(
            encoder.prepare(waveform.samples, sampling_rate=16000, return_tensors="pt").input_features,
            output_hidden_states=True,
        ).hidden_states
        torch.testing.assert_close(
            encoder(waveform), torch.stack([layer[0, :50].mean(dim=0) for layer in outputs])
        )
        assert encoder(speech(31.0)).isfinite().all(), "more than its 30 s"


def test_very_short_recordings_are_filled_up(checkpoints):
    for kind in ("wav2vec2", "whisper"):
        encoder = load_encoder(str(checkpoints(kind)), download=False).eval()
        assert encoder(speech(0.001)).isfinite().all()


def test_layers_are_computed_once_and_kept(checkpoints, training, monkeypatch):
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False).eval()
    first = LayerCache(encoder, training.store).layers(training.recordings)
    monkeypatch.setattr(PretrainedEncoder, "forward", lambda *a: pytest.fail("computed again"))
    again = LayerCache(encoder, training.store).layers(training.recordings)
    assert torch.equal(first, again)
    with torch.no_grad():
        next(encoder.parameters()).add_(1.0)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        LayerCache(encoder, training.store).layers(training.recordings)


DAMAGES = {
    "empty": lambda data: b"",
    "no array": lambda data: b"no array",
    "cut": lambda data: data[:-8],
    "an archive": lambda data: b"PK\3\4" + data,
    "header": lambda data: data.replace(b"(", b"@"),
    "size": lambda data: data.replace(b"(3, 16)", b"(9**9,)"),
    "fewer": lambda data: data.replace(b"(3, 16)", b"(3, 1) "),
    "numbers": lambda data: data.replace(b"<f4", b"<i4"),
    "words": lambda data: data.replace(b"<f4", b"<S4"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_layers_of_a_damaged_file_are_computed_anew(damage, checkpoints, training, tmp_path):
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False).eval()
    store = FeatureStore(tmp_path, training.store.audio, training.store.features)
    recordings = training.recordings[:1]
    store.extract(recordings)
    first = LayerCache(encoder, store).layers(recordings)
    (file,) = (tmp_path / "layers").glob("*/*.npy")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert torch.equal(LayerCache(encoder, store).layers(recordings), first)
    assert file.read_bytes() == whole


def test_layers_are_of_recordings_as_they_are_prepared(checkpoints, tmp_path):
    path = tmp_path / "two.wav"
    left = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    soundfile.write(path, np.stack((left, left[::-1]), axis=1), 16_000)
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False).eval()
    found = []
    for channels in ("first", "second"):
        store = FeatureStore(tmp_path / "store", AudioConfig(channels=channels), FeatureConfig())
        store.extract([Recording(path)])
        found.append(LayerCache(encoder, store).layers([Recording(path)]))
    assert not torch.allclose(*found)


def test_layers_are_of_the_encoders_own_preparation(checkpoints):
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False).eval()
    before = encoder.fingerprint()
    encoder.prepare.do_normalize = not encoder.prepare.do_normalize
    assert encoder.fingerprint() != before


@pytest.mark.parametrize("name", ["wav2vec2_frozen", "wav2vec2"])
def test_the_cost_of_a_prediction_is_that_of_the_encoder_alone(
    name, checkpoints, training, monkeypatch, synthetic
):
    system = create_classical(name, weights=str(checkpoints("wav2vec2")), epochs=1)
    system.fit(training, training, 3, 0)
    seconds, heard = [0.0], []
    monkeypatch.setattr(classical_run.time, "process_time", lambda: seconds[0])

    def front_end(*arguments):
        seconds[0] += 1000
        return extract(*arguments)

    def means(encoder, waveform, *rest):
        heard.append(len(waveform.samples) / RATE)
        seconds[0] += heard[-1] / 4
        return asked(encoder, waveform, *rest)

    extract, asked = FeatureStore.extract, PretrainedEncoder._means
    monkeypatch.setattr(FeatureStore, "extract", front_end)
    monkeypatch.setattr(PretrainedEncoder, "_means", means)
    utterances = list(synthetic)[:3]
    cost = classical_run.cost_of_prediction(system, training.store, utterances, synthetic.labels)
    assert len(heard) == 3, "nothing was kept from before"
    assert cost == pytest.approx(0.25, rel=0.05)


BELOW = {
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm"), ("feature_extractor.", "feature_projection.")),
    "whisper": ("conv1.", "conv2.", "embed_positions."),
}


@pytest.mark.parametrize("kind", list(BELOW))
def test_fine_tuning_changes_the_transformer_and_nothing_below(kind, checkpoints, training):
    system = create_classical("wav2vec2", weights=str(checkpoints(kind)), epochs=1, batch_size=4)
    before = {name: value.clone() for name, value in system.encoder.network.state_dict().items()}
    below, taught = system.encoder.network.get_submodule(BELOW[kind][0].rstrip(".")), []
    below.register_forward_hook(lambda module, given, frames: taught.append(frames.requires_grad))
    system.fit(training, training, 3, 0)
    assert taught
    after = system.encoder.network.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert any("layers.1." in name for name in changed)
    assert not any(taught), "no gradient goes below the Transformer"
    assert not any(name.startswith((*BELOW[kind], "masked_spec_embed")) for name in changed)


def test_every_training_begins_afresh(checkpoints, training):
    options = {"weights": str(checkpoints("wav2vec2")), "epochs": 1, "learning_rate": 0.01}
    once, again = (create_classical("wav2vec2", **options) for _ in range(2))
    once.fit(training, training, 3, 0)
    again.fit(training, training, 3, 1)
    again.fit(training, training, 3, 0)
    assert np.array_equal(once.predict_proba(training), again.predict_proba(training))


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm", "whisper"])
def test_only_training_hears_masks_and_whisper_never(kind, checkpoints):
    encoder = load_encoder(str(checkpoints(kind)), download=False)
    encoder.config.hidden_dropout = encoder.config.attention_dropout = encoder.config.feat_proj_dropout = 0.0
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        plain = encoder.eval().frames(speech(1.0))
        encoder.mask_latents(LatentMasking(0.08, 5, 0.05, 2))
        assert torch.equal(encoder.frames(speech(1.0)), plain)
        with seeded(0):
            masked = encoder.train().frames(speech(1.0))
        with seeded(0):
            torch.testing.assert_close(encoder.frames(speech(1.0)), masked)
    assert torch.allclose(masked, plain, atol=1e-5) == (kind == "whisper")


def test_masks_are_spans_of_frames_and_of_features():
    latents, replacement = torch.ones(1, 200, 128), torch.full((128,), 7.0)
    with seeded(0):
        masked = LatentMasking(0.08, 15, 0.05, 64)(latents, replacement)[0]
        masks = [spans(400, 0.2, 10, fewest=2) for _ in range(200)]
    features = (masked == 0).all(dim=0)
    assert int(features.sum()) == 64
    frames = (masked[:, ~features] == 7).all(dim=1)
    assert 15 <= int(frames.sum()) <= 30
    assert torch.all(masked[~frames][:, ~features] == 1)
    assert torch.equal(latents, torch.ones_like(latents)), "what was given stays"
    assert 0.17 < torch.stack(masks).float().mean() < 0.2, "the share, but for what overlaps"


@pytest.mark.parametrize(
    ("length", "share", "span", "most"), [(20, 0.08, 15, 0), (31, 0.08, 15, 15), (100, 1.0, 10, 50), (100, 0, 10, 0)]
)  # fmt: skip
def test_never_more_than_half_is_masked(length, share, span, most):
    with seeded(0):
        assert all(int(spans(length, share, span, fewest=2).sum()) <= most for _ in range(50))


def test_errors_of_rare_classes_weigh_more():
    assert rarity(torch.tensor([0, 0, 0, 2]), 3).tolist() == pytest.approx([4 / 3, 0, 4])


def test_task_adaptation_moves_the_weights_without_labels(checkpoints, training):
    weights = str(checkpoints("wav2vec2"))
    plain = create_classical("wav2vec2", weights=weights, epochs=1, learning_rate=1e-12)
    adapted = create_classical(
        "wav2vec2_task_adapted", weights=weights, epochs=1, learning_rate=1e-12, pretraining_epochs=1,
        pretraining_rate=1e-2,
    )  # fmt: skip
    for system in (plain, adapted):
        system.fit(training, training, 3, 0)
    for name in ("encoder.layers.0.attention.k_proj.weight", "feature_extractor.conv_layers.1.conv.weight"):
        moved = adapted.encoder.network.state_dict()[name] - plain.encoder.network.state_dict()[name]
        assert moved.abs().max() > 1e-3


def test_task_adaptation_needs_masks_and_gives_them(checkpoints, training, tmp_path, monkeypatch):
    options = {"pretraining_epochs": 1, "epochs": 1}
    for name, changes in {"never": {"mask_time_prob": 0.0}, "off": {"apply_spec_augment": False}}.items():
        folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / name)
        described = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**described, "mask_feature_prob": 0.0, **changes}))
    with pytest.raises(ConfigError, match="needs a checkpoint that knows masks, found mask_time_prob and"):
        create_classical("wav2vec2_task_adapted", weights=str(tmp_path / "never"), **options)
    masked = []
    modeling = importlib.import_module("transformers.models.wav2vec2.modeling_wav2vec2")
    hide = modeling.Wav2Vec2Model._mask_hidden_states

    def watched(self, hidden, *rest, **named):
        before = hidden.clone()
        hidden = hide(self, hidden, *rest, **named)
        masked.append(not torch.equal(before, hidden))
        return hidden

    monkeypatch.setattr(modeling.Wav2Vec2Model, "_mask_hidden_states", watched)
    system = create_classical("wav2vec2_task_adapted", weights=str(tmp_path / "off"), **options)
    system.fit(training, training, 3, 0)
    assert masked[0]


def test_a_checkpoint_in_half_precision_is_heard_in_full(checkpoints, training, tmp_path):
    folder = shutil.copytree(checkpoints("whisper"), tmp_path / "half")
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, "dtype": "float16"}))
    halves = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    layers = load_encoder(str(folder), download=False).eval()(training.store.waveform(training.recordings[0]))
    assert layers.dtype == torch.float32
    whole = load_encoder(str(checkpoints("whisper")), download=False).eval()
    assert torch.allclose(layers, whole(training.store.waveform(training.recordings[0])), atol=1e-2)


def test_masks_and_negatives_are_what_they_should_be():
    generator = np.random.default_rng(0)
    mask = masked_frames(60, generator)
    assert mask.sum() >= SPAN
    chosen = others(mask, generator)
    assert mask[chosen[mask]].all(), "only masked frames are told from masked frames"
    assert (chosen[mask] != np.flatnonzero(mask)[:, None]).all(), "never the frame itself"


def test_weights_that_are_not_at_hand(tmp_path, monkeypatch, checkpoints):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ConfigError, match=r"weights of facebook/wav2vec2-base are not at hand; 'hf download facebook"
    ):
        create_classical("wav2vec2")
    for nowhere in (str(tmp_path / "nowhere"), "/nowhere", "./nowhere", "~nobody", "weights/mine/wav2vec2"):
        with pytest.raises(ConfigError, match="no such folder; name the folder of a checkpoint"):
            create_classical("wav2vec2", weights=nowhere)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="is no checkpoint that can be read without executing it"):
        create_classical("wav2vec2", weights=str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="is no encoder of speech that is known here, found bert"):
        create_classical("wav2vec2", weights=str(checkpoints("bert")))
    with pytest.raises(ConfigError, match=r"model.mode = 'task_adapted' is for wav2vec2, found hubert"):
        create_classical("wav2vec2_task_adapted", weights=str(checkpoints("hubert")))


@pytest.fixture
def pytorch_file(checkpoints, tmp_path):
    """A checkpoint as most of the hub's older ones are, and its weights: PyTorch's file, no safetensors."""
    folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / "older")
    published = {
        "parametrizations.weight.original0": "weight_g",
        "parametrizations.weight.original1": "weight_v",
    }
    weights = {
        re.sub("|".join(map(re.escape, published)), lambda now: published[now[0]], name): value
        for name, value in load_file(folder / "model.safetensors").items()
    }
    assert any(name.endswith("weight_g") for name in weights)
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    return folder, weights


def test_weights_in_pytorchs_file_are_the_same(pytorch_file, checkpoints, training):
    folder, _ = pytorch_file
    older, newer = (load_encoder(str(of), download=False).eval() for of in (folder, checkpoints("wav2vec2")))
    assert older.fingerprint() == newer.fingerprint()
    adapted = create_classical("wav2vec2_task_adapted", weights=str(folder), pretraining_epochs=1, epochs=1)
    assert adapted.fit(training, training, 3, 0)["epoch"] == 1


class Trap:
    """Makes a file where it is unpickled carelessly."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_of_pytorchs_file_is_executed(pytorch_file, tmp_path):
    folder, weights = pytorch_file
    torch.save({**weights, "trap": Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"without executing it \(it names \S*open\); expected config.json"):
        load_encoder(str(folder), download=False)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: b"no weights", lambda data: data[: len(data) // 2]]
)
def test_a_damaged_file_is_one_sentence(damage, pytorch_file):
    file = pytorch_file[0] / "pytorch_model.bin"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ConfigError, match="is no checkpoint that can be read") as caught:
        load_encoder(str(file.parent), download=False)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value), "torch's advice is to execute it"


@pytest.mark.parametrize("held", [[1, 2], torch.ones(3), {"weights": None}])
def test_a_file_of_something_else_is_one_sentence(held, pytorch_file):
    folder, _ = pytorch_file
    torch.save(held, folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"is no checkpoint that can be read|lacks \d+ of the weights"):
        load_encoder(str(folder), download=False)


def test_a_damaged_configuration_is_one_sentence(pytorch_file):
    file = pytorch_file[0] / "config.json"
    text = file.read_text()
    for damaged in (text.replace('"hidden_size": 16', '"hidden_size": "wide"'), text[:50], "[]"):
        file.write_text(damaged)
        with pytest.raises(ConfigError, match=r"model\.weights = ") as caught:
            load_encoder(str(file.parent), download=False)
        assert "\n" not in str(caught.value)


def test_what_the_hub_has_but_cannot_be_read_is_not_asked_to_be_fetched_again():
    told = where_to_get("facebook/x", UnpicklingError("Unsupported global: GLOBAL os.system"), download=False)
    assert told.startswith(
        "model.weights = 'facebook/x' is no checkpoint that can be read without executing it (it "
    )
    assert "names os.system" in told
    assert "not at hand" in where_to_get("facebook/x", OSError("no such file"), download=False)
    assert "cannot be fetched (no network)" in where_to_get(
        "facebook/x", OSError("no network"), download=True
    )


def test_a_library_that_weights_need_is_named(pytorch_file, monkeypatch):
    folder, _ = pytorch_file

    def needs(*_, **__):
        raise ImportError("Using bitsandbytes requires accelerate\nmore words")

    monkeypatch.setattr("transformers.AutoModel.from_pretrained", needs)
    with pytest.raises(
        ConfigError, match=r"needs a library that is not there \(Using bitsandbytes .*accelerate\)"
    ):
        create_classical("wav2vec2", weights=str(folder))


def test_weights_of_another_network_are_refused(pytorch_file):
    folder, weights = pytorch_file
    torch.save(
        {name: value for name, value in weights.items() if "layers.1" not in name},
        folder / "pytorch_model.bin",
    )
    with pytest.raises(
        ConfigError, match=r"lacks \d+ of the weights of its wav2vec2, such as encoder.layers.1"
    ):
        load_encoder(str(folder), download=False)
    torch.save({name: value[:1] for name, value in weights.items()}, folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="is no checkpoint that can be read"):
        load_encoder(str(folder), download=False)


def test_a_whisper_that_classifies_has_no_decoder_and_is_read(checkpoints, tmp_path):
    import transformers

    plain = transformers.WhisperModel.from_pretrained(checkpoints("whisper"))
    classifies = transformers.WhisperForAudioClassification(plain.config)
    classifies.encoder.load_state_dict(plain.encoder.state_dict())
    folder = shutil.copytree(checkpoints("whisper"), tmp_path / "classifies")
    (folder / "model.safetensors").unlink()
    classifies.save_pretrained(folder)
    assert not any("decoder" in name for name in load_file(folder / "model.safetensors"))
    waveform = speech(1.0)
    with torch.no_grad():
        found, expected = (
            load_encoder(str(each), download=False).eval()(waveform)
            for each in (folder, checkpoints("whisper"))
        )
    torch.testing.assert_close(found, expected)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if name.startswith("encoder.layers.1"))
    save_file({name: value for name, value in weights.items() if name != lost}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    with pytest.raises(ConfigError, match=r"lacks 1 of the weights of its whisper, such as encoder.layers.1"):
        load_encoder(str(folder), download=False)


@pytest.mark.parametrize(
    ("file", "setting", "told"),
    [
        (
            "preprocessor_config.json",
            {"sampling_rate": 8000},
            "knows 8000 Hz by its preprocessor_config.json",
        ),
        ("config.json", {"add_adapter": True, "output_hidden_size": 24}, "has an adapter behind its layers"),
    ],
)
def test_encoders_of_another_rate_or_with_an_adapter_are_refused(file, setting, told, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / "other")
    described = json.loads((folder / file).read_text()) | setting
    (folder / file).write_text(json.dumps(described))
    with pytest.raises(ConfigError, match=told):
        load_encoder(str(folder), download=False)


@pytest.mark.parametrize("kind", ["wavlm", "emotion2vec"])
def test_more_than_a_minute_goes_through_in_pieces_of_half_a_minute(kind, checkpoints, monkeypatch):
    encoder = load_encoder(str(checkpoints(kind)), download=False).eval()
    given, real = [], type(encoder).outputs
    monkeypatch.setattr(
        type(encoder), "outputs", lambda self, inputs: given.append(inputs.shape[-1]) or real(self, inputs)
    )
    with torch.no_grad():
        encoder(speech(2.0))
        monkeypatch.setattr(encoder_module, "LONGEST", 2)
        monkeypatch.setattr(encoder_module, "PIECE", 1)
        whole = encoder(speech(2.0))
        pieces = encoder(speech(2.5))
        assert given == [2 * RATE, 2 * RATE, 13_334, 13_333, 13_333]
        samples = speech(2.5).samples.ravel()
        parts = [
            encoder.outputs(encoder.inputs(part)).hidden_states
            for part in np.split(samples, (13_334, 26_667))
        ]
    expected = torch.stack([torch.cat(layer, dim=1)[0].mean(dim=0) for layer in zip(*parts, strict=True)])
    torch.testing.assert_close(pieces, expected)
    assert whole.shape == pieces.shape


def test_task_adaptation_hears_long_recordings_in_pieces(checkpoints, monkeypatch):
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False)
    monkeypatch.setattr(encoder_module, "LONGEST", 1)
    monkeypatch.setattr(encoder_module, "PIECE", 1)
    given, real = [], type(encoder).inputs
    monkeypatch.setattr(
        type(encoder), "inputs", lambda self, samples: given.append(len(samples)) or real(self, samples)
    )
    weights = str(checkpoints("wav2vec2"))
    go_on_pretraining(weights, encoder, [speech(2.0), speech(0.5)], epochs=1, learning_rate=1e-3, seed=0)
    assert sorted(given) == [RATE // 2, RATE, RATE]


def test_an_encoder_that_learnt_without_masks_gets_zeros(pytorch_file):
    folder, weights = pytorch_file
    del weights["wav2vec2.masked_spec_embed"]
    torch.save(weights, folder / "pytorch_model.bin")
    first, second = (load_encoder(str(folder), download=False) for _ in range(2))
    assert not first.network.masked_spec_embed.any()
    assert first.fingerprint() == second.fingerprint(), "what is kept of it is found again"


def test_weights_are_digested_once(checkpoints, training, monkeypatch):
    digested = []
    asked = PretrainedEncoder.fingerprint
    monkeypatch.setattr(PretrainedEncoder, "fingerprint", lambda self: digested.append(self) or asked(self))
    system = create_classical("wav2vec2_frozen", weights=str(checkpoints("wav2vec2")), epochs=1)
    system.fit(training, training, 3, 0)
    system.predict_proba(training)
    assert len(digested) == 1


def test_another_rate_is_refused(checkpoints):
    weights = str(checkpoints("wav2vec2"))
    encoder = load_encoder(weights, download=False)
    slow = Waveform(np.zeros(8000, np.float32), 8000)
    known = encoder.fingerprint()
    with pytest.raises(ConfigError, match=r"audio.sample_rate = 8000: these encoders know 16000 Hz; set it"):
        encoder(slow)
    with pytest.raises(ConfigError, match=r"audio.sample_rate = 8000: these encoders know 16000 Hz; set it"):
        go_on_pretraining(weights, encoder, [speech(1.0), slow], epochs=1, learning_rate=1e-3, seed=0)
    assert encoder.fingerprint() == known


def test_layers_are_of_what_is_computed_with_the_weights(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints("wav2vec2"), tmp_path / "other")
    same = load_encoder(str(folder), download=False).fingerprint()
    assert same == load_encoder(str(checkpoints("wav2vec2")), download=False).fingerprint()
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, "num_attention_heads": 4}))
    assert load_encoder(str(folder), download=False).fingerprint() != same


def test_no_layer_is_left_out_at_random(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints("whisper"), tmp_path / "dropping")
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, "encoder_layerdrop": 1.0}))
    dropping = load_encoder(str(folder), download=False).train()
    whole = load_encoder(str(checkpoints("whisper")), download=False).train()
    for encoder in (dropping, whole):
        encoder.config.dropout = encoder.network.dropout = 0.0
    with torch.no_grad():
        torch.testing.assert_close(dropping.frames(speech(1.0)), whole.frames(speech(1.0)))


def test_dual_tbnet_gets_the_encoders_frames_at_the_pace_of_ours(checkpoints, training):
    system = create_classical(
        "dual_tbnet_self_supervised", weights=str(checkpoints("wav2vec2")), epochs=1, d_model=8, ffn_dim=8
    )
    indices = list(range(3))
    pair = system._paired(training, indices)
    batch, _ = training.batch(indices)
    assert torch.equal(pair.lld, torch.cat((batch.log_mel, batch.lld), dim=-1))
    for row, index in enumerate(indices):
        length = int(batch.lengths[row])
        with torch.no_grad():
            frames = system.encoder.frames(training.store.waveform(training.recordings[index]))
        places = torch.linspace(0, len(frames), length + 1)[:-1].floor().long()  # evenly, none left out
        assert set(places.tolist()) == set(range(len(frames)))
        assert not pair.log_mel[row, length:].any()
        torch.testing.assert_close(pair.log_mel[row, :length], frames[places])


def test_dual_tbnet_names_its_cache_once_and_refuses_sizes_before_any_work(
    checkpoints, training, monkeypatch
):
    counted, fingerprint = [], PretrainedEncoder.fingerprint
    monkeypatch.setattr(PretrainedEncoder, "fingerprint", lambda self: counted.append(1) or fingerprint(self))
    options = {"weights": str(checkpoints("wav2vec2")), "epochs": 2, "batch_size": 2, "ffn_dim": 8}
    create_classical("dual_tbnet_self_supervised", d_model=8, **options).fit(training, training, 3, 0)
    assert len(counted) == 1
    with pytest.raises(ConfigError, match=r"d_model 30 must be even and a multiple of num_heads 4"):
        create_classical("dual_tbnet_self_supervised", d_model=30, **options)


def test_dual_tbnet_holds_no_more_frames_than_a_batch_has(checkpoints, training):
    options = {"weights": str(checkpoints("wav2vec2")), "d_model": 8, "ffn_dim": 8}
    system = create_classical("dual_tbnet_self_supervised", batch_size=3, **options)
    pieces = list(system._in_order(training))
    assert max(map(len, pieces)) == 3
    assert [i for piece in pieces for i in piece] == [i for piece in training.in_order() for i in piece]


def test_frames_are_computed_once_and_kept_apart_from_layers(checkpoints, training, monkeypatch):
    encoder = load_encoder(str(checkpoints("wav2vec2")), download=False).eval()
    cache, recording = LayerCache(encoder, training.store), training.recordings[0]
    layers, frames = cache.layers([recording])[0], cache.frames(recording)
    torch.testing.assert_close(frames.mean(dim=0), layers[-1])
    monkeypatch.setattr(PretrainedEncoder, "_layers", lambda *a: pytest.fail("computed again"))
    assert torch.equal(cache.frames(recording), frames)
    assert torch.equal(cache.layers([recording])[0], layers)


def test_an_encoder_must_say_what_it_is():
    with pytest.raises(TypeError, match="abstract"):
        PretrainedEncoder(torch.nn.Linear(1, 1), 1)


def test_frames_of_whispers_pieces_stand_behind_one_another(checkpoints):
    encoder = load_encoder(str(checkpoints("whisper")), download=False).eval()
    waveform = speech(31.0)
    with torch.no_grad():
        frames = encoder.frames(waveform)
        assert frames.shape == (1550, 16)
        torch.testing.assert_close(frames.mean(dim=0), encoder(waveform)[-1])
        torch.testing.assert_close(frames.relu().mean(dim=0), encoder.rectified(waveform))
