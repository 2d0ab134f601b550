"""What many tests share: corpora where they are at hand, a synthetic corpus, one trained run, the command line."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from local_server import LocalServer
from tiny_model import TINY

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora, or a skip that says why."""
    named = os.environ.get("MAGTFNET_CORPORA")
    if not named:
        pytest.skip("MAGTFNET_CORPORA is not set: no real corpora at hand")
    return Path(named)


@pytest.fixture(scope="session")
def emodb_root(corpora) -> Path:
    if not (corpora / "emodb" / "wav").is_dir():
        pytest.skip(f"no EMO-DB in {corpora}")
    return corpora / "emodb"


@pytest.fixture(scope="session")
def ravdess_root(corpora) -> Path:
    if not (corpora / "ravdess" / "Actor_01").is_dir():
        pytest.skip(f"no RAVDESS in {corpora}")
    return corpora / "ravdess"


@pytest.fixture(scope="session")
def oddities(corpora) -> Path:
    if not (corpora / "oddities").is_dir():
        pytest.skip(f"no oddities in {corpora}")
    return corpora / "oddities"


@pytest.fixture(scope="session")
def protocol_files(corpora) -> Path:
    if not (corpora.parent / "protocols").is_dir():
        pytest.skip(f"no published folds beside {corpora}")
    return corpora.parent / "protocols"


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(20251204)


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory) -> Path:
    """A corpus of 4 speakers, 4 sentences and 3 emotions: 48 utterances."""
    from magtfnet.corpora.synthetic import write_corpus

    root = tmp_path_factory.mktemp("synthetic")
    write_corpus(root, speakers=4, sentences=4, emotions=("anger", "neutral", "sadness"), takes=1)
    return root


@pytest.fixture(scope="session")
def synthetic(synthetic_root):
    from magtfnet import load_corpus

    return load_corpus("synthetic", synthetic_root)


@pytest.fixture(scope="session")
def feature_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(autouse=True)
def _own_cache(feature_cache, monkeypatch):
    """No test touches the user's cache."""
    monkeypatch.setenv("MAGTFNET_CACHE", str(feature_cache))


@pytest.fixture(scope="session")
def tiny_config():
    """Two epochs of a tiny model."""
    from magtfnet import load_config

    return load_config(None, [*TINY, "training.epochs=2", "training.batch_size=8"])


@pytest.fixture(scope="session")
def trained(synthetic, tiny_config, tmp_path_factory, feature_cache):
    """One finished training of the tiny model."""
    from magtfnet import protocols, train

    split = protocols.speaker_dependent_8_1_1(synthetic, seed=0)[0]
    return train(synthetic, split, tmp_path_factory.mktemp("runs") / "run", tiny_config, cache=feature_cache)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Write tiny checkpoints with random weights, as the hub has them: a function of the kind's name."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def write(kind):
        from tiny_checkpoints import write_checkpoint

        if not (folder / kind).exists():
            write_checkpoint(kind, folder / kind)
        return folder / kind

    return write


@pytest.fixture(scope="session")
def exported(trained) -> bytes:
    """The tiny model as an ONNX file."""
    from magtfnet.deploy import export

    return export(trained.bundle)


@pytest.fixture(scope="session")
def graph_path(exported, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    path.write_bytes(exported)
    return path


@dataclass(frozen=True)
class Finished:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run the command line in this process."""
    from magtfnet.cli import main

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["magtfnet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Finished(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, past any proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LocalServer() as running:
        yield running
