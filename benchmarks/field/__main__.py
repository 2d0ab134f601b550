"""Measure: ``joined ROOT RUN``, ``long ROOT HOURS``, ``streams ROOT COUNT``, ``folder FILES``."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.field.joined import RATE, compare, join
from magtfnet import EmotionRecognizer, StreamingRecognizer, load_corpus
from magtfnet.cli.terminal import show
from magtfnet.evaluation.intervals import wilson
from magtfnet.timeline import Window


def joined(root: str, run: str) -> None:
    """Each fold's model on a recording of the speakers that it never heard, then the model in the wheel on all."""
    import pandas as pd

    corpus = load_corpus("emodb", root)
    right, boundaries, covered, beside = [], [], [], []
    for fold in sorted(Path(run).glob("fold_*")):
        split = pd.read_csv(fold / "split.csv")
        ids = set(split.loc[split["part"] == "test", "id"])
        waveform, known = join([utterance for utterance in corpus if utterance.id in ids])
        found = compare(EmotionRecognizer.load(fold / "bundle").timeline(waveform), known)
        right += found.right
        boundaries += found.boundaries
        covered.append(found.covered)
        beside.append(found.beside)
    show("models that never heard the speaker:")
    _show(right, boundaries, covered, beside)
    waveform, known = join(list(corpus))
    found = compare(EmotionRecognizer.load().timeline(waveform), known)
    show("the model in the wheel, which learnt from these utterances:")
    _show(found.right, found.boundaries, [found.covered], [found.beside])


def _show(right: list[bool], boundaries: list[float], covered: list[float], beside: list[float]) -> None:
    low, high = wilson(sum(right), len(right))
    show(f"  segment WA {100 * np.mean(right):.2f} % ({100 * low:.2f} to {100 * high:.2f}) of {len(right)}")
    errors = np.array(boundaries)
    show(f"  boundary error: median {np.median(errors):.3f} s, 95 % below {np.quantile(errors, 0.95):.3f} s")
    show(
        f"  speech found: {100 * np.mean(covered):.1f} % of the utterances, {100 * np.mean(beside):.1f} % of the pauses"
    )


def long(root: str, hours: str) -> None:
    """A recording of many hours through the command line: its time and its peak of memory."""
    waveform, _ = join(list(load_corpus("emodb", root)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(round(float(hours) * 3600 / waveform.duration)):
                file.write(waveform.samples)
        start = time.perf_counter()
        command = [sys.executable, "-m", "magtfnet", "timeline", str(path), "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        segments = len(json.loads((Path(folder) / "long.json").read_text())["segments"])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    show(
        f"{hours} h: {segments} segments, {wall:.0f} s wall, {cpu:.0f} s CPU, peak {used.ru_maxrss / 1024:.0f} MiB"
    )


def streams(root: str, count: str, seconds: float = 30.0, piece: float = 0.1) -> None:
    """Streams side by side on one thread, a piece of each in turn, as they come in real time."""
    waveform, _ = join(list(load_corpus("emodb", root))[:100])
    recognizer = EmotionRecognizer.load()
    opened = [StreamingRecognizer(recognizer, sample_rate=RATE) for _ in range(int(count))]
    offsets = np.random.default_rng(0).integers(0, waveform.num_samples - round(seconds * RATE), len(opened))
    size, took, windows = round(piece * RATE), [], 0
    start = time.process_time()
    for first in range(0, round(seconds * RATE), size):
        for stream, offset in zip(opened, offsets, strict=True):
            began = time.perf_counter()
            events = stream.push(waveform.samples[offset + first : offset + first + size])
            if any(isinstance(event, Window) for event in events):
                windows += 1
                took.append(time.perf_counter() - began)
    cpu = time.process_time() - start
    most = len(opened) * seconds / cpu
    show(f"{count} streams of {seconds:g} s: {cpu:.1f} s CPU, so one core keeps up with {most:.0f}")
    shares = ", ".join(f"{q} % {1000 * np.quantile(took, q / 100):.1f} ms" for q in (50, 95, 99))
    show(f"  {windows} windows; a push that brings one takes {shares}")


def folder(files: str) -> None:
    """A folder of so many recordings of 0.1 s through the command line."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as made:
        calls = Path(made) / "calls"
        for number in range(int(files)):
            place = calls / f"{number // 1000:04d}"
            if number % 1000 == 0:
                place.mkdir(parents=True)
                soundfile.write(place / "000.wav", 0.1 * generator.standard_normal(1600), RATE)
            else:
                os.link(place / "000.wav", place / f"{number % 1000:03d}.wav")
        out = Path(made) / "results.parquet"
        start = time.perf_counter()
        command = [sys.executable, "-m", "magtfnet", "predict", str(calls), "-r", "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    show(f"{files} files: {wall:.0f} s wall, peak {used.ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    {"joined": joined, "long": long, "streams": streams, "folder": folder}[sys.argv[1]](*sys.argv[2:])
