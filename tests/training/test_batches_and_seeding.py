"""Batches: everyone once; random numbers from named seeds only."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from magtfnet import ConfigError
from magtfnet.training.batches import FRAMES_AT_ONCE, TrainingData, plan_batches
from magtfnet.training.device import choose_device
from magtfnet.training.seeding import derived_seed, seeded


@pytest.mark.parametrize("count", [2, 31, 32, 33, 64, 65, 427])
def test_everyone_is_in_one_batch_and_none_is_alone(count):
    batches = plan_batches(count, 32, seed=1)
    assert Counter(i for batch in batches for i in batch) == Counter(range(count))
    assert min(map(len, batches)) >= 2
    assert max(map(len, batches)) <= 33


def test_what_is_read_at_once_is_bounded_in_frames():
    lengths = [700] * 300 + [1024] * 256 + [3000, 40_000, 300_000, 500]
    store = SimpleNamespace(length=lengths.__getitem__)
    pieces = TrainingData(store, range(len(lengths)), [0] * len(lengths)).in_order()
    assert Counter(i for piece in pieces for i in piece) == Counter(range(len(lengths)))
    assert [lengths[i] for piece in pieces for i in piece] == sorted(lengths)
    assert all(len(piece) == 1 or len(piece) * lengths[piece[-1]] <= FRAMES_AT_ONCE for piece in pieces)
    assert list(map(len, pieces))[:2] == [256, 256], "ordinary utterances as many as ever"


def test_batches_depend_on_the_seed_alone():
    assert plan_batches(427, 32, 1) == plan_batches(427, 32, 1)
    assert plan_batches(427, 32, 1) != plan_batches(427, 32, 2)


def test_seeds_are_derived_from_all_numbers():
    assert derived_seed(1, 2) == derived_seed(1, 2)
    assert len({derived_seed(*numbers) for numbers in ((0,), (0, 0), (1,), (0, 1), (1, 0))}) == 5
    assert 0 <= derived_seed(2**40, 7) < 2**63


def test_the_callers_generator_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(1):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    with seeded(1):
        assert torch.equal(torch.rand(2), inside)


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    missing = [
        kind
        for kind in ("cuda", "mps")
        if not getattr(torch, kind if kind == "cuda" else "mps").is_available()
    ]
    for kind in missing:
        with pytest.raises(
            ConfigError, match=rf"training.device = '{kind}': not on this machine, which has .*use auto"
        ):
            choose_device(kind)
