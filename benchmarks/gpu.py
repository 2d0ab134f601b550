"""Ten folds of EMO-DB with the paper's recipe on a GPU: seconds, utilisation, and what bounds it.

    python -m benchmarks.gpu CORPUS_ROOT [JOBS]

The goal is 60 seconds on a card of the class of an H200. JOBS folds run at once, each in a process of its own
(1 where not given). Utilisation is what ``nvidia-smi`` samples twice a second; the share of time that the
device computes at all, not how much of it.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from magtfnet import ExperimentConfig, load_config, load_corpus
from magtfnet.experiments.cross_validation import plan, train_all

OVERRIDES = ("protocol.name=speaker_dependent_k_fold", "protocol.folds=10", "training.precision=bf16")


def main() -> int:
    """Run and report; exit code 1 where there is no GPU."""
    if not torch.cuda.is_available():
        sys.stderr.write("no CUDA device on this machine: nothing measured\n")
        return 1
    root, jobs = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    corpus = load_corpus("emodb", root)
    config = load_config(None, list(OVERRIDES))
    runs = plan(corpus, config, [0])
    samples: list[float] = []
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(samples, done), daemon=True)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "features"
        train_all(
            corpus, runs[:1], Path(folder) / "warm", _one_epoch(config), cache=cache
        )  # features, kernels
        sampler.start()
        start = time.perf_counter()
        finished = train_all(corpus, runs, Path(folder) / "run", config, cache=cache, jobs=jobs)
        seconds = time.perf_counter() - start
    done.set()
    sampler.join()
    epochs = sum(len(run.history) for run in finished.values())
    accuracy = statistics.mean(run.report.weighted_accuracy for run in finished.values())
    steps = sum(row["seconds"] for run in finished.values() for row in run.history)
    sys.stdout.write(
        f"{torch.cuda.get_device_name()}: ten folds in {seconds:.1f} s (goal 60), {epochs} epochs, "
        f"{1e3 * steps / epochs:.1f} ms an epoch, WA {100 * accuracy:.2f} %, "
        f"utilisation {_utilisation(samples)}\n"
        f"outside epochs (models, scoring, reports): {seconds - steps / jobs:.1f} s\n"
    )
    return 0


def _one_epoch(config: ExperimentConfig) -> ExperimentConfig:
    return config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})


def _utilisation(samples: list[float]) -> str:
    if not samples:
        return "not sampled: nvidia-smi gave no answer"
    return f"{statistics.mean(samples):.0f} % (mean of {len(samples)} samples)"


def _sample(samples: list[float], done: threading.Event) -> None:
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    while not done.wait(0.5):
        try:
            answer = subprocess.run(query, capture_output=True, text=True, check=True)
            samples.append(float(answer.stdout.splitlines()[0]))
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            return


if __name__ == "__main__":
    raise SystemExit(main())
