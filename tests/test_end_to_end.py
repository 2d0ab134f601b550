"""The whole, as a person runs it, in processes of its own: a training that is killed goes on to the same weights."""

import signal
import subprocess
import sys
from functools import partial

import pytest
from tiny_model import TINY

SETTINGS = [
    part for override in (*TINY, "training.epochs=6", "training.batch_size=8") for part in ("--set", override)
]


def command(root, run_dir, *more):
    protocol = ("--protocol", "speaker_dependent_8_1_1", "--run-dir", str(run_dir))
    return [sys.executable, "-m", "magtfnet", "train", "synthetic", str(root), *protocol, *SETTINGS, *more]


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_training_goes_on_to_the_same_weights(synthetic_root, tmp_path, stop):
    subprocess.run(command(synthetic_root, tmp_path / "whole"), check=True, capture_output=True)
    with subprocess.Popen(
        command(synthetic_root, tmp_path / "killed"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts the tests in the background has them ignore it, and what they start too
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        for line in process.stderr:
            if line.startswith("epoch   2"):
                process.send_signal(stop)
                break
        process.stderr.read()
    assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert (tmp_path / "killed" / "checkpoint.pt").exists()
    assert not (tmp_path / "killed" / "metrics.json").exists()
    done = subprocess.run(
        command(synthetic_root, tmp_path / "killed", "--resume"), check=True, capture_output=True, text=True
    )
    assert "epoch   1 " not in done.stderr
    weights = "bundle/weights.safetensors"
    assert (tmp_path / "killed" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    predictions = "predictions.csv"
    assert (tmp_path / "killed" / predictions).read_text() == (tmp_path / "whole" / predictions).read_text()
    assert not list((tmp_path / "killed").glob("*.part"))


def test_output_to_a_closed_pipe_is_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-m", "magtfnet", "corpora"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
