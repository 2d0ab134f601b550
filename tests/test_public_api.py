"""The public surface: what is promised is there, and importing it costs nothing."""

import json
import subprocess
import sys

import pytest

import magtfnet

PROMISED = {
    *("load_corpus", "Corpus", "Utterance", "Split", "protocols", "Waveform", "read_audio", "LogMel"),
    *(
        "LowLevelDescriptors",
        "create_model",
        "list_models",
        "train",
        "evaluate",
        "EmotionRecognizer",
        "Prediction",
    ),
    *("Bundle", "MagtfnetError"),
}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_public_name_is_there():
    for name in magtfnet.__all__:
        assert getattr(magtfnet, name) is not None
    assert set(magtfnet.__all__) >= PROMISED
    assert dir(magtfnet) == magtfnet.__all__
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        magtfnet.nope  # noqa: B018


def test_every_error_is_public():
    from magtfnet import errors

    classes = {
        name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")
    }
    assert classes <= set(magtfnet.__all__)
    drawn = errors.__doc__
    for name in classes:
        assert name in drawn
        assert issubclass(getattr(errors, name), magtfnet.MagtfnetError)


@pytest.mark.parametrize(
    "statement",
    ["import magtfnet", "import magtfnet.cli.app", "from magtfnet import read_audio, load_corpus"],
)
def test_importing_loads_no_torch_and_changes_nothing(statement):
    code = f"""
import json, os, random, sys, warnings
import numpy, pydantic, soundfile  # what these change is theirs
before = (dict(os.environ), list(warnings.filters), random.getstate())
{statement}
after = (dict(os.environ), list(warnings.filters), random.getstate())
print(json.dumps([sorted(set(sys.modules) & {{"torch", "pandas", "matplotlib", "scipy"}}), before == after]))
"""
    assert run(code) == [[], True]


def test_importing_all_of_it_leaves_threads_and_generators_alone():
    code = """
import json, torch
threads, state = torch.get_num_threads(), torch.get_rng_state()
import magtfnet
for name in magtfnet.__all__: getattr(magtfnet, name)
print(json.dumps([torch.get_num_threads() == threads, torch.equal(torch.get_rng_state(), state)]))
"""
    assert run(code) == [True, True]


def test_help_loads_little():
    """Time differs between machines; what is loaded does not. The 330 modules of today take about 0.2 s."""
    code = """
import io, json, sys
sys.argv, out = ["magtfnet", "--help"], sys.stdout
sys.stdout = io.StringIO()
from magtfnet.cli import main
try: main()
except SystemExit: pass
sys.stdout = out
print(json.dumps([sorted(set(sys.modules) & {"torch", "numpy", "pandas", "soundfile"}), len(sys.modules)]))
"""
    heavy, count = run(code)
    assert heavy == []
    assert count < 500


def test_audio_corpora_and_evaluation_never_reach_torch():
    code = """
import importlib, json, pkgutil, sys
import magtfnet
for room in ("audio", "corpora", "evaluation"):
    package = importlib.import_module(f"magtfnet.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"magtfnet.{room}.{module.name}")
import magtfnet.prediction
print(json.dumps("torch" in sys.modules))
"""
    assert run(code) is False


def test_the_version_is_one():
    from importlib.metadata import version

    assert version("magtfnet") == magtfnet.__version__
