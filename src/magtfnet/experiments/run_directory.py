"""The run directory: everything that a training was and came to, so that it can be read, checked and made again.

One training (a fold and a seed) has ``config.toml``, ``environment.json``, ``split.csv``, ``history.csv``,
``predictions.csv``, ``metrics.json``, ``report.html``, ``MODEL_CARD.md`` and ``bundle/``; while it runs also
``checkpoint.pt``, and ``.lock``, which keeps a second process out. Several trainings lie side by side in a
folder that has the pooled files. ``metrics.json`` is written last: where it is, the run is complete.
"""

import csv
import io
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import filelock
import tomli_w

from magtfnet.config import ExperimentConfig, load_config, to_plain
from magtfnet.errors import ConfigError, DivergenceError, RunDirectoryError
from magtfnet.writing import whole_folder, write_whole

LIBRARIES = ("magtfnet", "torch", "numpy", "soundfile", "soxr")
"""That every score depends on; a bundle names their versions."""
OF_CLASSICAL = ("scipy", "scikit-learn", "transformers", "opensmile")
"""That scores of classical systems depend on besides."""
LOCK = ".lock"
PATHS = ("protocol.file", "model.weights")
"""Settings that may be spelt otherwise when a run is gone on with."""


class RunDirectory:
    """The files of one training, or of several together.

    Args:
        path: the folder; it is not touched before ``open``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def config(self) -> Path:
        """Where the configuration is kept."""
        return self.path / "config.toml"

    @property
    def checkpoint(self) -> Path:
        """Where the state of an unfinished training is kept."""
        return self.path / "checkpoint.pt"

    @property
    def bundle(self) -> Path:
        """Where the trained model is kept."""
        return self.path / "bundle"

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "metrics.json").exists()

    @property
    def threads(self) -> int | None:
        """How many threads the run began with, None where that is not known; its last bits depend on it."""
        try:
            return int(json.loads((self.path / "environment.json").read_text(encoding="utf-8"))["threads"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def refuse_if_there(self, *, resume: bool) -> None:
        """Refuse a directory that is in the way, before any work is done.

        Raises:
            RunDirectoryError: it exists and is not to be resumed, is no run directory, or cannot be made.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunDirectoryError(f"{self.path}: a file, not a folder; choose another folder")
        if self.path.exists() and any(self.path.iterdir()):
            if not resume:
                raise RunDirectoryError(
                    f"{self.path}: is there already; go on with --resume, or choose another folder"
                )
            if not self.config.exists():
                raise RunDirectoryError(
                    f"{self.path}: not a run directory, no config.toml; choose another folder"
                )
            return
        above = self.path.absolute().parents
        there = next((folder for folder in above if folder.exists()), above[-1])
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise RunDirectoryError(
                f"{self.path}: cannot be made, {there} is no folder that can be written to; choose another folder"
            )

    def open(self, config: ExperimentConfig, facts: Mapping[str, Any], *, resume: bool) -> bool:
        """Make the directory with its configuration, or check that what is resumed is the same experiment.

        Returns:
            whether it was made.

        Raises:
            RunDirectoryError: see ``refuse_if_there``; or another configuration, corpus, split or seed.
        """
        self.refuse_if_there(resume=resume)
        if self.config.exists():
            self._refuse_other_experiment(config, facts)
            return False
        with whole_folder(self.path) as folder:  # both files are there at once, or neither
            (folder / "environment.json").write_text(_json({**facts, **environment()}), encoding="utf-8")
            (folder / self.config.name).write_text(tomli_w.dumps(to_plain(config)), encoding="utf-8")
        return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process out of the opened directory; the lock of one that was killed is free at once.

        Raises:
            RunDirectoryError: another process is at work there.
        """
        try:
            held = filelock.FileLock(self.path / LOCK).acquire(timeout=0)
        except filelock.Timeout:
            raise RunDirectoryError(
                f"{self.path}: another process is at work there; wait for its end, or choose another folder"
            ) from None
        with held:
            yield
            with suppress(OSError):  # Windows removes it by itself, and not before it is released
                (self.path / LOCK).unlink()

    @contextmanager
    def removed_if_it_diverges(self, is_new: bool) -> Iterator[None]:
        """Remove a directory that ``open`` made now if a training in it diverges: nothing is worth going on from."""
        try:
            yield
        except DivergenceError:
            if is_new:
                shutil.rmtree(self.path)
            raise

    def write_text(self, name: str, text: str) -> None:
        """Write a file to a temporary name, then rename it."""
        write_whole(self.path / name, text)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write ``metrics.json``, which completes the run."""
        self.write_text("metrics.json", _json(metrics))

    def read_metrics(self) -> dict[str, Any]:
        """Read what ``write_metrics`` wrote.

        Raises:
            RunDirectoryError: the file is damaged.
        """
        try:
            metrics: dict[str, Any] = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))
            return metrics
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                f"{self.path}: damaged ({error}); remove it to have it trained again, or choose another folder"
            ) from error

    def write_history(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write a row per epoch."""
        file = io.StringIO()
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows({key: format(value, ".8g") for key, value in row.items()} for row in history)
        self.write_text("history.csv", file.getvalue())

    def read_history(self) -> list[dict[str, float]]:
        """Read what ``write_history`` wrote."""
        return read_rows(self.path / "history.csv")

    def _refuse_other_experiment(self, config: ExperimentConfig, facts: Mapping[str, Any]) -> None:
        try:
            before = _flat(to_plain(load_config(self.config)))
            known = dict(json.loads((self.path / "environment.json").read_text(encoding="utf-8")))
            if not set(facts) <= set(known):
                raise RunDirectoryError(f"{self.path}: holds work of another kind; choose another folder")
            before |= {key: known[key] for key in facts}
        except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(
                f"{self.path}: damaged ({error}); remove it to have it trained again, or choose another folder"
            ) from error
        now = _flat(to_plain(config)) | json.loads(_json(facts))
        for key in sorted({*before, *now}):
            if before.get(key) != now.get(key) and not (
                key in PATHS and _one_path(before.get(key), now.get(key))
            ):
                raise RunDirectoryError(
                    f"{self.path}: began with {key} = {before.get(key)!r}, now {now.get(key)!r}; "
                    "resume with the same settings and recordings, or choose another folder"
                )


def _one_path(before: object, now: object) -> bool:
    """Whether both name the same file, seen from here."""
    return isinstance(before, str) and isinstance(now, str) and Path(before).resolve() == Path(now).resolve()


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a history: numbers by the names of its columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def software() -> dict[str, Any]:
    """Return the versions that a bundle names."""
    return {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def environment() -> dict[str, Any]:
    """Return versions and platform: what beside the settings may change a number."""
    import torch

    used = software()
    return {
        "python": used["python"],
        "platform": platform.platform(),
        "versions": used["versions"] | {name: _version(name) for name in OF_CLASSICAL},
        "threads": torch.get_num_threads(),
        "command": " ".join(["magtfnet", *sys.argv[1:]]).encode(errors="replace").decode(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
