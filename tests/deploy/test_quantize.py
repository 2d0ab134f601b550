"""8 bits: smaller, nearly the same answers, and what they change is said with its interval."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from magtfnet import ExportError, LabelError, read_audio
from magtfnet.deploy.comparison import compare
from magtfnet.deploy.quantize import quantize
from magtfnet.evaluation.intervals import bootstrap, paired_bootstrap
from magtfnet.labels import LabelSet
from magtfnet.recognizer.onnx_engine import OnnxEngine


@pytest.fixture(scope="module")
def plain(exported):
    return exported


@pytest.fixture(scope="module")
def waveforms(synthetic):
    return [read_audio(utterance.path).samples for utterance in synthetic]


@pytest.fixture(scope="module")
def small(plain, waveforms):
    return quantize(plain, waveforms[::4])


def test_weights_are_bytes_and_answers_stay(plain, small, waveforms):
    kinds = {
        value.data_type for value in onnx.load_from_string(small).graph.initializer if len(value.dims) == 2
    }
    assert onnx.TensorProto.INT8 in kinds
    differences = np.abs(
        OnnxEngine(small).probabilities(waveforms) - OnnxEngine(plain).probabilities(waveforms)
    )
    assert 0 < differences.max() < 0.1
    assert OnnxEngine(small).metadata["quantized"] == "int8, calibrated on 12 recordings"
    assert OnnxEngine(small).labels == OnnxEngine(plain).labels


def test_too_few_recordings_are_refused(plain, waveforms):
    with pytest.raises(ExportError, match="3 recordings for calibration, expected at least 8; give more"):
        quantize(plain, waveforms[:3])


def test_what_it_changes_is_said(plain, small, synthetic):
    comparison = compare(plain, small, synthetic)
    assert comparison.utterances == 48
    assert (comparison.before.num_bytes, comparison.after.num_bytes) == (len(plain), len(small))
    assert 0.9 <= comparison.agreement <= 1
    change = comparison.after.weighted_accuracy - comparison.before.weighted_accuracy
    low, high = comparison.intervals["WA"]
    assert low <= change <= high
    assert comparison.before.milliseconds > 0


def test_a_corpus_of_other_emotions_is_named(plain, small, synthetic):
    strangers = [replace(utterance, emotion="boredom") for utterance in synthetic]
    other = replace(synthetic, utterances=tuple(strangers), labels=LabelSet(("boredom", "fear")))
    with pytest.raises(LabelError, match=r"has an emotion that the model knows .*; name another corpus"):
        compare(plain, small, other)


def test_a_paired_interval_knows_that_the_utterances_are_the_same():
    truth = [0, 1] * 50
    before = [0, 1] * 40 + [1, 0] * 10
    ids = [str(n) for n in range(100)]
    assert paired_bootstrap(truth, before, before, ids, 2) == {"WA": (0, 0), "UA": (0, 0)}
    better = paired_bootstrap(truth, before, truth, ids, 2)
    alone = bootstrap(truth, before, ids, 2)
    assert better["WA"] == pytest.approx((1 - alone["WA"][1], 1 - alone["WA"][0]))
    assert paired_bootstrap([0], [0], [1], ["a"], 2) is None
