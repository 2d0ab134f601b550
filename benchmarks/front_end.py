"""Features of real recordings: ours beside librosa computing the same numbers, one thread each."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.corpora import ABSENT, emodb_files
from benchmarks.librosa_features import descriptors, log_mel_power, magnitudes
from benchmarks.measure import alternately
from benchmarks.rows import Row, missing, versus
from magtfnet.audio import Waveform, read_audio
from magtfnet.config import AudioConfig, FeatureConfig
from magtfnet.features import FeatureStore, FrontEnd
from magtfnet.features.store import Recording
from magtfnet.training.threads import threads

FILES = 200
EQUAL_WITHIN = 1e-3
"""Relative: librosa sums in float32. The tests compare each feature by its own tolerance."""


def rows() -> list[Row]:
    """Return the rows about the front end."""
    files = emodb_files()
    what = f"front end of {FILES} recordings, librosa : ours, one thread"
    if not files:
        return [missing(what, "≥ 8", ABSENT)]
    waveforms = [read_audio(file) for file in files[:: max(1, len(files) // FILES)][:FILES]]
    front_end = FrontEnd()
    for waveform in waveforms[:: FILES // 10]:
        _refuse_unequal(front_end, waveform)
    with threads(1), threadpool_limits(1):
        timings = alternately(
            {
                "ours": lambda: [front_end.extract(waveform) for waveform in waveforms],
                "librosa": lambda: [by_librosa(waveform.samples) for waveform in waveforms],
            }
        )
    seconds = sum(waveform.duration for waveform in waveforms)
    unit = " a second of speech"
    return [
        versus(what, timings["librosa"], timings["ours"], 8, seconds, unit),
        _extended(waveforms),
        _whole_corpus(files),
    ]


def by_librosa(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-Mel (T, 40), descriptors (T, 12) and functionals (24,) by librosa and NumPy."""
    magnitude = magnitudes(samples)
    log_mel = np.log(np.maximum(log_mel_power(samples, magnitude), 1e-10))
    lld = descriptors(samples, magnitude)
    return log_mel, lld, np.concatenate((lld.mean(axis=0), lld.std(axis=0)))


def _refuse_unequal(front_end: FrontEnd, waveform: Waveform) -> None:
    ours = front_end.extract(waveform)
    theirs = by_librosa(waveform.samples)
    for name, expected in zip(("log_mel", "lld", "functionals"), theirs, strict=True):
        found = getattr(ours, name)[0].numpy()
        if not np.allclose(found, expected, rtol=EQUAL_WITHIN, atol=EQUAL_WITHIN):
            raise ValueError(f"{name} of ours and of librosa differ by {np.abs(found - expected).max():g}")


def _extended(waveforms: list[Waveform]) -> Row:
    """Time all that the model in the wheel looks at beside openSMILE's large set: other numbers to the same end."""
    what = f"front end with extended functionals of {FILES} recordings, openSMILE's ComParE 2016 : ours, one thread"
    try:
        import opensmile
    except ModuleNotFoundError:
        return missing(what, "", "not measured: opensmile is not installed")
    smile = opensmile.Smile(
        opensmile.FeatureSet.ComParE_2016, opensmile.FeatureLevel.Functionals, num_workers=1
    )
    front_end = FrontEnd(features=FeatureConfig(functionals="extended"))
    with threads(1), threadpool_limits(1):
        timings = alternately(
            {
                "ours": lambda: [front_end.extract(waveform) for waveform in waveforms],
                "theirs": lambda: [
                    smile.process_signal(waveform.samples, waveform.sample_rate) for waveform in waveforms
                ],
            }
        )
    seconds = sum(waveform.duration for waveform in waveforms)
    return versus(what, timings["theirs"], timings["ours"], None, seconds, " a second of speech")


def _whole_corpus(files: list[Path]) -> Row:
    """Time the extraction of EMO-DB from its files, decoding included, on all cores."""
    recordings = [Recording(file) for file in files]

    def extract() -> None:
        with tempfile.TemporaryDirectory() as folder:
            FeatureStore(Path(folder), AudioConfig(), FeatureConfig()).extract(recordings)

    timing = alternately({"ours": extract})["ours"]
    return Row(
        f"extraction of EMO-DB ({len(files)} files) from files (in the page cache) to store",
        f"{timing.median:.1f} s",
        "≤ 6 s on 2 cores",
        timing.median <= 6,
        f"{timing.cpu_median:.1f} s CPU on {torch.get_num_threads()} cores (±{100 * timing.spread:.0f} %)",
    )
