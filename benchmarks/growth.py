"""How time and memory grow with length, batch and corpus; each point in a process of its own, for its own peak."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.inference import bundle
from benchmarks.measure import in_a_process
from benchmarks.rows import Row
from magtfnet.audio import Waveform
from magtfnet.config import ExperimentConfig
from magtfnet.features import FeatureBatch, FeatureStore
from magtfnet.features.store import Recording
from magtfnet.memory import peak_memory_mib
from magtfnet.models import create_model
from magtfnet.recognizer import EmotionRecognizer
from magtfnet.training.batches import TrainingData, plan_batches
from magtfnet.training.kept_memory import kept_memory
from magtfnet.training.optimizers import make_optimizer
from magtfnet.training.steps import Learner

SECONDS = (0.5, 2, 8, 30, 60)
BATCH_SIZES = (1, 8, 32, 128)
UTTERANCES = (1_000, 10_000, 100_000)
FRAMES = 100
"""Frames of each synthetic utterance: 10^5 of them are 2.1 GB of features."""
STEPS = 5


def rows_and_tables() -> tuple[list[Row], str]:
    """Return the rows with goals, and the growth as Markdown tables."""
    lengths = [(s, in_a_process("benchmarks.growth", "length", str(s))) for s in SECONDS]
    shipped = [(s, in_a_process("benchmarks.growth", "shipped", str(s))) for s in SECONDS]
    batches = [(b, in_a_process("benchmarks.growth", "batch", str(b))) for b in BATCH_SIZES]
    corpora = [(n, in_a_process("benchmarks.growth", "corpus", str(n))) for n in UTTERANCES]
    tables = [
        _table("inference of one utterance of … s", ("ms a second of speech", "peak MiB"), lengths),
        _table("the same by the model in the wheel", ("ms a second of speech", "peak MiB"), shipped),
        _table(
            f"training step of … utterances of {FRAMES} frames (1: in evaluation mode, as BatchNorm learns from two)",
            ("ms an utterance", "peak MiB"),
            batches,
        ),
        _table(
            f"epoch of … utterances of {FRAMES} frames through the feature store",
            ("µs of loading an utterance", "loader's share %", "peak MiB"),
            corpora,
        ),
    ]
    largest = corpora[-1][1]
    share = largest["loader's share %"]
    found = [
        Row(
            f"memory of the trainer at {UTTERANCES[-1]:,} utterances",
            f"{largest['peak MiB']:,.0f} MiB",
            "≤ 2 GB",
            largest["peak MiB"] <= 2e9 / 2**20,
            "peak of a process that reads every batch of an epoch and takes a few steps",
        ),
        Row(
            f"loader's share of an epoch at {UTTERANCES[-1]:,} utterances",
            f"{share:.1f} %",
            "≤ 5 %",
            share <= 5,
            "reading every batch of an epoch once, from files in the page cache, beside as many steps at the mean of "
            f"{STEPS}",
        ),
    ]
    return found, "\n\n".join(tables)


def _table(title: str, columns: tuple[str, ...], points: list[tuple[float, dict[str, float]]]) -> str:
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    lines += [
        f"| {at:,} | " + " | ".join(f"{values[column]:,.1f}" for column in columns) + " |"
        for at, values in points
    ]
    return "\n".join(lines)


def length(seconds: float) -> dict[str, float]:
    """Time the inference of one utterance by MAGTF-Net."""
    return _inference(EmotionRecognizer(bundle()), seconds)


def shipped(seconds: float) -> dict[str, float]:
    """Time the inference of one utterance by the model in the wheel."""
    return _inference(EmotionRecognizer.load(), seconds)


def _inference(recognizer: EmotionRecognizer, seconds: float) -> dict[str, float]:
    samples = np.random.default_rng(0).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)
    waveform = Waveform(samples, 16_000)
    recognizer.predict(waveform)
    start = time.perf_counter()
    for _ in range(STEPS):
        recognizer.predict(waveform)
    return {"ms a second of speech": 1e3 * (time.perf_counter() - start) / STEPS / seconds}


def batch(size: int) -> dict[str, float]:
    """Time training steps of a batch size."""
    return {"ms an utterance": 1e3 * _step_seconds(size) / size}


def corpus(count: int) -> dict[str, float]:
    """Time reading every batch of an epoch, and compare it with the steps of that epoch."""
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(Path(folder), ExperimentConfig().audio, ExperimentConfig().features)
        recordings = [Recording(Path(str(i))) for i in range(count)]
        store.put(_synthetic(recordings))
        data = TrainingData(store, recordings, [i % 7 for i in range(count)])
        batches = plan_batches(count, 32, seed=0)
        start = time.perf_counter()
        for indices in batches:
            data.batch(indices)
        loading = time.perf_counter() - start
    steps = _step_seconds(32) * len(batches)
    return {
        "µs of loading an utterance": 1e6 * loading / count,
        "loader's share %": 100 * loading / (loading + steps),
    }


def _synthetic(recordings: list[Recording]) -> Iterator[tuple[Recording, str, np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    log_mel = generator.normal(size=(FRAMES, 40)).astype(np.float32)
    lld = generator.normal(size=(FRAMES, 12)).astype(np.float32)
    for number, recording in enumerate(recordings):
        yield recording, str(number), log_mel, lld


def _step_seconds(size: int) -> float:
    """Return the mean seconds of a training step."""
    model = create_model("magtf_net", num_classes=7).train()
    config = ExperimentConfig().training
    learner = Learner(model, make_optimizer(model, config, torch.device("cpu")), config)
    features = FeatureBatch(
        torch.randn(size, FRAMES, 40),
        torch.randn(size, FRAMES, 12),
        torch.randn(size, 24),
        torch.full((size,), FRAMES),
    )
    if size == 1:
        model.eval()  # BatchNorm learns from two at least
    targets = torch.arange(size) % 7
    with kept_memory():  # as trainings do
        learner.learn(features, targets)
        start = time.perf_counter()
        for _ in range(STEPS):
            learner.learn(features, targets)
        return (time.perf_counter() - start) / STEPS


if __name__ == "__main__":
    kind, value = sys.argv[1:]
    if kind in (of_seconds := {"length": length, "shipped": shipped}):
        measured = of_seconds[kind](float(value))
    else:
        measured = {"batch": batch, "corpus": corpus}[kind](int(value))
    sys.stdout.write(json.dumps(measured | {"peak MiB": peak_memory_mib()}) + "\n")
