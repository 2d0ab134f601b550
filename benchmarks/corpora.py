"""Real recordings, where they are at hand: MAGTFNET_CORPORA names their folder."""

import os
from pathlib import Path

import soundfile


def emodb_files() -> list[Path]:
    """Return the recordings of EMO-DB, in order; none where it is not at hand."""
    named = os.environ.get("MAGTFNET_CORPORA")
    return sorted((Path(named) / "emodb" / "wav").glob("*.wav")) if named else []


def frame_counts(files: list[Path]) -> list[int]:
    """Return the frames of each recording at 16 kHz, 10 ms apart."""
    return [1 + soundfile.info(file).frames // 160 for file in files]


ABSENT = "not measured: MAGTFNET_CORPORA names no folder with emodb/wav"
