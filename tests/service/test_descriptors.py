"""Open files: the soft limit is raised where the system allows it, else the service does not begin."""

import resource

import pytest

from magtfnet import ServiceError
from magtfnet.service.descriptors import allow_files


def test_the_soft_limit_is_raised_and_the_hard_one_is_held_to(monkeypatch):
    limits = [(64, 2_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda what, told: limits.append(told))
    allow_files(1_024)
    assert limits[-1] == (1_152, 2_000)
    allow_files(100)
    assert len(limits) == 2, "it is never lowered"
    with pytest.raises(
        ServiceError, match=r"3000 connections need 3128 open files, 2000 .* connections=1872 or"
    ):
        allow_files(3_000)
