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
        _, cost = _run("timeline", str(path), "--out", folder)
        segments = len(json.loads((Path(folder) / "long.json").read_text())["segments"])
    show(f"{hours} h: {segments} segments, {cost}")


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


def folder(files: str, sounding: str = "1") -> None:
    """A folder through the command line: one in so many files is 0.1 s of sound, the others are empty and so bad."""
    generator = np.random.default_rng(0)
    every = int(sounding)
    with tempfile.TemporaryDirectory() as made:
        calls = Path(made) / "calls"
        for number in range(int(files)):
            place = calls / f"{number // 1000:04d}"
            path = place / f"{number % 1000:03d}.wav"
            if number % 1000 == 0:
                place.mkdir(parents=True)
                soundfile.write(path, 0.1 * generator.standard_normal(1600), RATE)
            elif number % every:
                path.touch()
            else:
                os.link(place / "000.wav", path)
        out = Path(made) / "results.parquet"
        told, cost = _run("predict", str(calls), "-r", "--out", str(out))
    last = (told or ["all could be used"])[-1]
    show(f"{files} files: {last}; {cost}")


def _run(*arguments: str) -> tuple[list[str], str]:
    """Run the command line in a process of its own; return its stderr by lines, and its exit code, time and peak.

    The process tells its own peak: what the system tells of children counts what their parent held.
    """
    code = (
        "import sys; from pathlib import Path; from magtfnet.cli import main\n"
        "try: main()\n"
        "finally: print([l for l in Path('/proc/self/status').read_text().splitlines() if 'VmHWM' in l][0].split()[1])"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True
    )
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, peak = used.ru_utime + used.ru_stime, int(done.stdout.split()[-1]) / 1024
    cost = f"exit code {done.returncode}, {wall:.0f} s wall, {cpu:.0f} s CPU, peak {peak:.0f} MiB"
    return done.stderr.splitlines(), cost


if __name__ == "__main__":
    {"joined": joined, "long": long, "streams": streams, "folder": folder}[sys.argv[1]](*sys.argv[2:])
