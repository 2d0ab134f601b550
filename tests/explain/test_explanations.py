"""Explanations: they add up, depend on nothing that was not said, and point where the answer is."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from magtfnet import AudioError, ExplainError, Waveform, create_model
from magtfnet.config import FeatureConfig
from magtfnet.explain import METHODS, explanation, find_players, look_inside
from magtfnet.explain.attribution import Game, attribute
from magtfnet.explain.explanation import explain
from magtfnet.explain.faithfulness import curves, randomised_correlation
from magtfnet.explain.inside import _attention_map
from magtfnet.explain.page import explanation_page
from magtfnet.explain.words import in_words
from magtfnet.features import FeatureBatch, FrontEnd, Standardizer
from magtfnet.features.extended import FAMILIES
from magtfnet.labels import LabelSet
from magtfnet.models import Model
from magtfnet.recognizer import EmotionRecognizer

RATE = 16_000
FRONT_END = FrontEnd()
LABELS = LabelSet(("anger", "neutral", "sadness"))


def speechlike(seconds=1.2, seed=0):
    """Syllables of noise and tones between pauses."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = np.clip(np.sin(2 * np.pi * 3 * time), 0, None)
    samples = loudness * (0.3 * np.sin(2 * np.pi * 200 * time) + 0.05 * generator.normal(size=len(time)))
    samples[0] = samples[-1] = 0.01  # so that nothing is cut off
    return Waveform(samples.astype(np.float32), RATE)


class Linear(Model):
    """A model whose logits are known sums of its inputs."""

    inputs = ("log_mel", "functionals")

    def __init__(self, cells=None, descriptor=None):
        super().__init__()
        self.cells, self.descriptor = cells, descriptor

    def forward(self, *, log_mel, functionals, lengths):
        total = torch.zeros(len(log_mel))
        if self.cells is not None:
            frames, bands = self.cells
            total = total + log_mel[:, frames, bands].sum(dim=(1, 2))
        if self.descriptor is not None:
            total = total + 3 * functionals[:, self.descriptor]
        return torch.stack((total, -total, torch.zeros_like(total)), dim=1)


def standardised(waveform):
    features = FRONT_END.extract(waveform)
    standardizer = Standardizer(40, 12, 24)
    standardizer.get_buffer("log_mel_mean").fill_(-8.0)
    standardizer.get_buffer("log_mel_std").fill_(4.0)
    return FeatureBatch(*(tensor.clone() for tensor in vars(standardizer(features)).values())), features


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return create_model(
        "magtf_net", num_classes=3, channels=8, d_model=16, num_nodes=6, graph_channels=4, num_heads=2
    ).eval()


@pytest.fixture(scope="module")
def game(net):
    ready, features = standardised(speechlike())
    return Game(net, ready, find_players(features, FRONT_END), target=0)


@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.2, 7.0])
def test_the_players_are_as_many_whatever_the_length(seconds):
    players = find_players(FRONT_END.extract(speechlike(seconds)), FRONT_END)
    assert len(players) == 6 * 4 + 12
    assert players.edges[0] == 0
    assert players.edges[-1] == 1 + round(seconds * RATE) // 160
    assert list(players.edges) == sorted(players.edges)
    assert len(set(players.edges)) == 7
    cells = players.cell_of_each(players.edges[-1], 40)
    assert sorted(cells.unique().tolist()) == list(range(24))


def test_fewer_frames_than_pieces_leave_empty_ones():
    players = find_players(FRONT_END.extract(Waveform(np.full(400, 0.1, np.float32), RATE)), FRONT_END)
    assert players.edges == (0, 1, 2, 3, 3, 3, 3)


def test_time_is_cut_where_voice_begins_and_ends():
    samples = np.full(2 * RATE, 1e-5, np.float32)
    samples[RATE // 2 : 3 * RATE // 2] = 0.3 * np.sin(np.arange(RATE) * 0.1)
    players = find_players(FRONT_END.extract(Waveform(samples, RATE)), FRONT_END)
    assert min(abs(edge - 50) for edge in players.edges) <= 2
    assert min(abs(edge - 150) for edge in players.edges) <= 2


@pytest.mark.parametrize("method", ["shapley", "integrated_gradients"])
def test_values_add_up_to_the_change_of_the_logit(game, method):
    found = attribute(game, method)
    assert abs(found.logit - found.baseline) > 0.01
    assert abs(found.unexplained) < 0.01 * abs(found.logit - found.baseline) + 1e-4


@pytest.mark.parametrize("method", list(METHODS))
def test_a_linear_model_is_explained_exactly(method):
    """Players of a sum do not interact: each method must give each player its own part."""
    ready, features = standardised(speechlike())
    players = find_players(features, FRONT_END)
    piece, band = slice(players.edges[2], players.edges[3]), slice(players.bands[1], players.bands[2])
    model = Linear((piece, band), descriptor=12 + 3)  # the deviation of the fourth descriptor
    values = attribute(Game(model, ready, players, 0), method).values
    expected = torch.zeros(len(players))
    expected[2 * 4 + 1] = ready.log_mel[0, piece, band].sum()
    expected[24 + 3] = 3 * ready.functionals[0, 15]
    torch.testing.assert_close(values, expected, atol=0.02 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("method", list(METHODS))
def test_the_same_every_time_and_the_generator_is_left_alone(game, method):
    torch.manual_seed(5)
    first = METHODS[method](game)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    assert torch.equal(METHODS[method](game), first)


def explained(net, waveform, **options):
    standardizer = Standardizer(40, 12, 24)
    return explain(net, standardizer, FRONT_END, LABELS, waveform, **options)


@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
def test_digital_silence_around_it_changes_nothing(trained, rate):
    plain = Waveform(speechlike().samples, rate)
    padded = Waveform(np.pad(plain.samples, (3 * rate // 16, rate)), rate)
    recognizer = EmotionRecognizer(trained.bundle)
    first, second = (recognizer.explain(waveform, method="occlusion") for waveform in (plain, padded))
    assert torch.equal(first.attribution.values, second.attribution.values)
    assert second.seconds == pytest.approx([3 / 16 + edge for edge in first.seconds], abs=1e-3)
    assert first.notes == ()
    whole = recognizer.predict(padded)
    assert f"1.00 s behind it were left out; with them the model hears {whole.label}" in " ".join(
        in_words(second)
    )


def test_extended_functionals_are_explained_by_their_families():
    torch.manual_seed(0)
    front_end = FrontEnd(features=FeatureConfig(functionals="extended"))
    size = len(front_end.functional_names)
    sizes = {"channels": 8, "d_model": 16, "num_nodes": 6, "graph_channels": 4, "num_heads": 2}
    count = len(front_end.descriptor_names)
    net = create_model(
        "magtf_net", num_classes=3, num_descriptors=count, num_functionals=size, **sizes
    ).eval()
    waveform = speechlike()
    standardizer = Standardizer(40, count, size).fit(
        [front_end.extract(speechlike(seed=i)) for i in range(3)]
    )
    found = explain(net, standardizer, front_end, LABELS, waveform, method="integrated_gradients")
    assert list(found.by_descriptor()) == list(FAMILIES)
    of_each = [FAMILIES[index] for index in front_end.descriptor_of_each["functionals"]]
    named = dict(zip(front_end.functional_names, of_each, strict=True))
    assert named["voiced_f0_mean"] == "pitch"
    assert named["log_mel_39_time_of_minimum"] == "log-Mel bands"
    assert named["voiced_mfcc_14_slope"] == named["mfcc_1_mean"] == "cepstrum"
    assert named["voiced_flatness_std"] == "spectral shape"
    assert named["periodicity_std"] == "voicing"
    assert named["voiced_h1_a3_peaks"] == "voice quality"
    assert named["voiced_share"] == "rhythm"
    of_each = [FAMILIES[index] for index in front_end.descriptor_of_each["lld"]]
    frames = dict(zip(front_end.descriptor_names, of_each, strict=True))
    assert (frames["f0"], frames["voiced"], frames["mfcc_3"]) == ("pitch", "voicing", "cepstrum")
    assert (frames["loudness"], frames["jitter"]) == ("intensity", "voice quality")
    assert abs(found.attribution.unexplained) < 0.1
    assert "nan" not in " ".join(in_words(found))
    assert "pitch" in explanation_page("a.wav", found, in_words(found))


def test_silence_has_nothing_to_explain(trained):
    recognizer = EmotionRecognizer(trained.bundle)
    with pytest.raises(AudioError, match=r"digital silence; give at least 0\.025 s of sound"):
        recognizer.explain(Waveform(np.zeros(RATE, np.float32), RATE))
    click = np.zeros(RATE, np.float32)
    click[500] = 0.5
    with pytest.raises(AudioError, match=r"0\.000 s of sound"):
        recognizer.explain(Waveform(click, RATE))


def test_two_channels_are_explained_as_they_are_predicted(trained):
    plain = speechlike()
    both = Waveform(np.stack([plain.samples, plain.samples]), RATE)
    recognizer = EmotionRecognizer(trained.bundle)
    first, second = (recognizer.explain(waveform, method="occlusion") for waveform in (plain, both))
    torch.testing.assert_close(first.attribution.values, second.attribution.values, atol=1e-4, rtol=0)


def test_too_long_to_be_explained(net):
    with pytest.raises(
        ExplainError, match="121 s are too long to be explained; give a part of at most 120 s"
    ):
        explained(net, Waveform(np.full(121 * RATE, 0.1, np.float32), RATE))


def test_long_attention_is_kept_in_blocks():
    torch.manual_seed(0)
    frames = torch.randn(700, 3 * 8)
    blocks, received = _attention_map(frames, num_heads=2)
    query, key, _ = frames.view(700, 3, 2, 4).permute(1, 2, 0, 3)
    weights = (query @ key.transpose(1, 2) / 2).softmax(dim=-1)
    assert blocks.shape == (2, 128, 128)
    torch.testing.assert_close(received, weights.mean(dim=(0, 1)))
    member = torch.arange(700) * 128 // 700
    expected = weights[1][member == 5][:, member == 9].mean()
    torch.testing.assert_close(blocks[1, 5, 9], expected)
    small, _ = _attention_map(frames[:100], num_heads=2)
    assert small.shape == (2, 100, 100)
    torch.testing.assert_close(small.sum(dim=-1), torch.ones(2, 100))


def test_padding_of_the_features_changes_nothing(net):
    ready, features = standardised(speechlike())
    wide = dataclasses.replace(
        ready,
        log_mel=torch.nn.functional.pad(ready.log_mel, (0, 0, 0, 30), value=7.0),
        lld=torch.nn.functional.pad(ready.lld, (0, 0, 0, 30), value=7.0),
    )
    players = find_players(features, FRONT_END)
    for method in METHODS:
        plain, padded = (attribute(Game(net, batch, players, 1), method).values for batch in (ready, wide))
        assert torch.equal(plain, padded)
    torch.testing.assert_close(look_inside(net, wide).attention, look_inside(net, ready).attention)


def test_inside_is_what_the_model_computed(net):
    ready, _ = standardised(speechlike())
    inside = look_inside(net, ready)
    count = int(ready.lengths[0])
    assert inside.scale_spans == (3, 5, 7, 9, 11)
    assert ((inside.scale_weights > 0) & (inside.scale_weights < 1)).all()
    torch.testing.assert_close(inside.adjacency, net.encoder.graph.adjacency().detach())
    assert inside.node_bands.shape == (6, 40)
    assert inside.attention.shape == (2, 2, count, count)
    for shares in (inside.adjacency, inside.node_bands, inside.attention):
        torch.testing.assert_close(shares.sum(dim=-1), torch.ones(shares.shape[:-1]))
    torch.testing.assert_close(inside.frame_relevance.sum(), torch.tensor(1.0))


def test_a_model_without_a_part_says_which_have_it():
    model = Linear(descriptor=0)
    inside = look_inside(model, standardised(speechlike())[0])
    assert not inside.attention.numel()
    assert not inside.frame_relevance.numel()
    page = explanation_page(
        "<b>&", explained(model, speechlike(), label="anger", method="occlusion"), ["a < b"]
    )
    assert "This model has no graph to look at; these have: d_mag_blstm, " in page
    assert re.search("no attention to look at; these have: .*magtf_net, magtf_net_frames, ", page)
    assert page.count("<svg") == 3  # overview, bands, descriptors
    assert "<b>" not in page  # a file's name is no markup
    assert "a &lt; b" in page
    with pytest.raises(ExplainError, match="2 utterances at once"):
        look_inside(model, FeatureBatch(*(torch.zeros(2, 3, 3) for _ in range(4))))


def test_curves_of_a_true_explanation_leave_random_ones_behind():
    ready, features = standardised(speechlike())
    players = find_players(features, FRONT_END)
    model = Linear((slice(players.edges[1], players.edges[3]), slice(0, 20)))
    game = Game(model, ready, players, 0)
    values = METHODS["occlusion"](game)
    true, false = curves(game, values), curves(game, -values)
    assert true.deletion_gain > 0
    assert true.insertion_gain > 0
    assert false.deletion_gain < 0
    assert true.deletion[0] == true.insertion[-1] == true.random_deletion[0, 0]


def test_other_weights_give_another_explanation(net, game):
    values = METHODS["occlusion"](game)
    before = [parameter.clone() for parameter in net.parameters()]
    assert abs(randomised_correlation(game, values, "occlusion")) < 0.7
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


def test_too_long_for_shapley_says_what_it_does_instead(net, monkeypatch):
    monkeypatch.setattr(explanation, "SHAPLEY_LONGEST", 50)
    found = explained(net, speechlike())
    assert found.attribution.method == "integrated_gradients"
    assert "1 s are too long for Shapley values" in found.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "guess"},
            "unknown method 'guess', expected one of shapley, integrated_gradients, occlusion",
        ),
        ({"label": "joy"}, "unknown emotion 'joy', expected one of anger, neutral, sadness"),
    ],
)
def test_wrong_wishes_are_named(net, options, message):
    with pytest.raises(ExplainError, match=message):
        explained(net, speechlike(), **options)


def test_the_recognizer_explains_what_it_predicts(trained, synthetic):
    recognizer = EmotionRecognizer(trained.bundle)
    utterance = next(iter(synthetic))
    found = recognizer.explain(utterance.path, method="occlusion")
    assert found.label in recognizer.labels.classes
    assert set(found.to_dict()) >= {"label", "cells", "descriptors", "scales", "seconds", "hertz"}
    assert recognizer.explain(utterance.path, label="sadness", method="occlusion").label == "sadness"


def test_a_sentence_names_what_speaks_for_and_against():
    players = find_players(standardised(speechlike())[1], FRONT_END)
    piece, band = slice(players.edges[2], players.edges[3]), slice(players.bands[1], players.bands[2])
    told = explained(Linear((piece, band)), speechlike(), label="anger", method="occlusion")
    text = " ".join(in_words(told))
    start, end = told.seconds[2], told.seconds[3]
    assert f"{told.hertz[1]:,.0f} to {told.hertz[2]:,.0f} Hz between {start:.2f} and {end:.2f} s" in text
    assert "speaks against it most" in text  # log-Mel below zero: less energy than the mean


def test_where_no_one_stands_out_the_first_three_are_named():
    told = explained(Linear((slice(None), slice(None))), speechlike(), label="anger", method="occlusion")
    players = len(told.attribution.values)
    values = torch.linspace(1.0, 0.9, players)
    even = dataclasses.replace(told, attribution=dataclasses.replace(told.attribution, values=values))
    (named,) = [sentence for sentence in in_words(even) if "speaks for it most" in sentence]
    assert named.count("(+") == 3
    assert "(+1.00)" in named


TONES = {"nothing": 0, "low": 1_000, "high": 5_000}


def made(kind, seed):
    """Speech-like sound, and in its second half a tone of the kind."""
    plain = speechlike(0.8, seed)
    count = len(plain.samples)
    tone = 0.3 * np.sin(2 * np.pi * TONES[kind] * np.arange(count) / RATE) * (np.arange(count) > count // 2)
    return Waveform((plain.samples + tone).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def taught():
    """A model that has learnt the kinds from the spectrogram alone, and its statistics.

    In double precision, so that it learns the same on every processor and with any number of threads.
    """
    torch.manual_seed(0)
    kinds = list(TONES) * 8
    batches = [FRONT_END.extract(made(kind, seed=k)) for k, kind in enumerate(kinds)]
    standardizer = Standardizer(40, 12, 24).fit(batches)
    ready = [standardizer(batch) for batch in batches]
    model = create_model(
        "magtf_net", num_classes=3, channels=8, d_model=32, num_nodes=8, graph_channels=4, num_heads=2
    ).double()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    inputs = {
        "log_mel": torch.cat([batch.log_mel for batch in ready]).double(),
        "functionals": torch.zeros(len(kinds), 24, dtype=torch.float64),
        "lengths": torch.cat([batch.lengths for batch in ready]),
    }
    targets = torch.arange(len(kinds)) % 3
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(**inputs), targets)
        loss.backward()
        optimizer.step()
    assert loss < 0.2
    standardizer.get_buffer("functionals_std").fill_(torch.inf)  # as in training: zero, whatever was measured
    return model.float().eval(), standardizer


@pytest.mark.slow
def test_what_a_model_has_learnt_is_where_shapley_values_point(taught):
    """The band of the low tone. It held for each of six seeds; the other methods miss it at times (docs/explain.md)."""
    told = explain(*taught, FRONT_END, LabelSet(tuple(TONES)), made("low", seed=99), method="shapley")
    assert told.label == "low"
    assert int(told.by_band().argmax()) == 1  # 736 to 1,626 Hz


@pytest.mark.parametrize("name", ["magtf_net", "magtf_net_frames", "magtf_net_graph_first"])
def test_every_variant_has_a_page(name):
    torch.manual_seed(0)
    model = create_model(
        name, num_classes=3, channels=8, d_model=16, num_nodes=6, graph_channels=4, num_heads=2
    ).eval()
    told = explained(model, speechlike(), method="integrated_gradients")
    assert (
        abs(told.attribution.unexplained)
        < 0.01 * abs(told.attribution.logit - told.attribution.baseline) + 1e-4
    )
    page = explanation_page("x", told, in_words(told))
    assert page.count("<svg") == 6
    assert f"between two {'feature' if name == 'magtf_net_graph_first' else 'node'}s" in page
