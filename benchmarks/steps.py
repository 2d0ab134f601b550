"""What a training step takes of each system on this processor: float32 or bfloat16, memory kept or given back.

``python -m benchmarks.steps magtf_net densenet_gru`` prints a table. Each cell is a process of its own with one
thread: steps of 32 utterances with EMO-DB's lengths and random frames, CPU seconds, so that other work on the
machine counts less.
"""

import json
import statistics
import sys
import time
from contextlib import nullcontext

import torch

from benchmarks.corpora import ABSENT, emodb_files, frame_counts
from benchmarks.measure import in_a_process
from magtfnet.config import ExperimentConfig
from magtfnet.features import FeatureBatch
from magtfnet.memory import peak_memory_mib
from magtfnet.models import create_model
from magtfnet.training.batches import plan_batches
from magtfnet.training.kept_memory import kept_memory
from magtfnet.training.optimizers import make_optimizer
from magtfnet.training.steps import Learner

STEPS = 8
SQUARE = 2048
COLUMNS = {"float32, memory given back": "float32 given", "float32": "float32 kept", "bfloat16": "bf16 kept"}


def main(systems: list[str]) -> None:
    """Print a row a system."""
    lines = [f"| system | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    for system in systems:
        cells = [in_a_process("benchmarks.steps", system, *how.split()) for how in COLUMNS.values()]
        told = (f"{cell['seconds']:.2f} s, {cell['peak']:,.0f} MiB" for cell in cells)
        lines.append(f"| {system} | {' | '.join(told)} |")
    speeds = ", ".join(
        f"{kind}: {products(kind) / 1e9:.0f} GFLOP/s" for kind in (torch.float32, torch.bfloat16)
    )
    sys.stdout.write("\n".join([*lines, "", f"products of {SQUARE} x {SQUARE} matrices, {speeds}"]) + "\n")


def products(kind: torch.dtype) -> float:
    """Return the floating-point operations that a product reaches in a CPU second of one thread."""
    torch.set_num_threads(1)
    square = torch.randn(SQUARE, SQUARE).to(kind)
    square @ square  # the first sets everything up
    start = time.process_time()
    square @ square
    return 2 * SQUARE**3 / (time.process_time() - start)


def measure(system: str, precision: str, memory: str) -> dict[str, float]:
    """Return the median CPU seconds of a step after a first, and the most MiB that the process has held."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = ExperimentConfig().training.model_copy(update={"precision": precision})
    model = create_model(system, num_classes=7).train()
    learner = Learner(model, make_optimizer(model, config, torch.device("cpu")), config)
    counts = frame_counts(emodb_files())
    seconds = []
    with kept_memory() if memory == "kept" else nullcontext():
        for indices in plan_batches(len(counts), 32, seed=0)[: STEPS + 1]:
            lengths = torch.tensor([counts[i] for i in indices])
            frames = len(indices), int(lengths.max())
            features = FeatureBatch(
                torch.randn(*frames, 40), torch.randn(*frames, 12), torch.randn(len(indices), 24), lengths
            )
            start = time.process_time()
            learner.learn(features, torch.arange(len(indices)) % 7)
            seconds.append(time.process_time() - start)
    return {"seconds": statistics.median(seconds[1:]), "peak": peak_memory_mib() or float("nan")}


if __name__ == "__main__":
    if not emodb_files():
        sys.exit(ABSENT)
    if sys.argv[2:] and sys.argv[2] in ("float32", "bf16"):
        sys.stdout.write(json.dumps(measure(*sys.argv[1:])) + "\n")
    else:
        main(sys.argv[1:])
