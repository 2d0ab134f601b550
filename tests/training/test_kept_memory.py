"""A training keeps its memory: pages are counted, not seconds."""

import json
import os
import subprocess
import sys

import pytest
import torch

from magtfnet.training import kept_memory as module
from magtfnet.training.kept_memory import kept_memory

COUNT = """
import json, resource, torch
from magtfnet.training import kept_memory as module

def pages_asked_for(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.zeros(2**25).add_(1)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / times

pages_asked_for(1)  # torch sets itself up
outside = pages_asked_for(3)
with module.kept_memory():
    pages_asked_for(3)  # until it has what it needs
    within = pages_asked_for(6)
print(json.dumps([module._glibc() is not None, outside, within, pages_asked_for(3)]))
"""
"""Counts the pages that the system hands out for a block of 128 MiB, in a process whose heap nobody else has used."""


@pytest.fixture(autouse=True)
def nobody_set_it_up(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)


def test_free_memory_is_kept_within_and_given_back_after():
    pytest.importorskip("resource", reason="only Unix counts the pages of a process")
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    is_glibc, outside, within, after = json.loads(done.stdout)
    if not is_glibc or outside < 2**14:
        pytest.skip("this allocator is not glibc's, or pages are larger than 4 KiB")
    assert within < 0.1 * outside, "what is free is taken again"
    assert after > 0.5 * outside, "as before"


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_who_set_the_allocator_up_is_not_overruled(monkeypatch, name):
    monkeypatch.setenv(name, "131072")
    assert module._glibc() is None


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
