"""What onnxruntime does beside answering: nothing leaves the machine, and memory goes back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEARD = """
import numpy as np
from magtfnet.recognizer.library import SHIPPED
from magtfnet.recognizer.onnx_engine import OnnxEngine

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

engine = OnnxEngine(SHIPPED / "emodb" / "model.onnx")
sound = np.random.default_rng(0).normal(scale=0.1, size=16_000 * SECONDS).astype(np.float32)
engine.probabilities([sound[:48_000]])
before = resident()
engine.probabilities([sound])
print(resident() - before)
"""


def run(code, **environment):
    """Run code in a process that has little from outside: servers of tests switch reports off."""
    known = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"], **environment}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=True)
    return done.stdout


def test_nothing_is_told_to_the_maker_of_onnxruntime(tmp_path):
    """Where it reports, it keeps a number of this machine below the home folder."""
    run("import magtfnet.recognizer.onnx_engine", HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell resident memory")
def test_memory_of_a_long_recording_goes_back():
    """Two minutes take some 140 MiB while they are heard."""
    assert float(run(HEARD.replace("SECONDS", "120"))) < 40
