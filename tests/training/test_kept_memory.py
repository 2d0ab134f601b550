"""A training keeps its memory: pages are counted, not seconds."""

import sys

import pytest
import torch

from magtfnet.training import kept_memory as module
from magtfnet.training.kept_memory import kept_memory

BYTES = 128 * 2**20


def pages_asked_for(times: int) -> int:
    """Return how often the system handed out a page while blocks were filled and freed, one after another."""
    resource = pytest.importorskip("resource", reason="only Unix counts the pages of a process")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.zeros(BYTES // 4).add_(1)
    after: int = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return after - before


@pytest.mark.skipif(module._glibc() is None, reason="only glibc is told to keep memory")
def test_free_memory_is_kept_within_and_given_back_after():
    outside = pages_asked_for(3) / 3
    with kept_memory():
        pages_asked_for(3)  # until it has what it needs
        within = pages_asked_for(6) / 6
    assert within < 0.1 * outside, "what is free is taken again"
    assert pages_asked_for(3) / 3 > 0.9 * outside, "as before"


def test_an_error_ends_it_too(monkeypatch):
    calls = []

    class Allocator:
        def mallopt(self, parameter: int, value: int) -> int:
            calls.append((parameter, value))
            return 1

        def malloc_trim(self, pad: int) -> int:
            calls.append(("trim", pad))
            return 1

    monkeypatch.setattr(module, "_glibc", Allocator)
    context = kept_memory()
    context.__enter__()
    calls.clear()
    assert not context.__exit__(ZeroDivisionError, ZeroDivisionError(), None), "the error goes on"
    assert calls == [(-4, 65536), (-3, 33554432), (-1, 67108864), ("trim", 0)]


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert module._glibc() is None
    with kept_memory():
        assert torch.ones(2).sum() == 2
