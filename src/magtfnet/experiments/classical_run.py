"""One training of a classical system: the same parts, the same files as a network's, but no bundle.

A classical system is compared, not shipped: what it has learnt is Python objects, which cannot be read back
without executing something.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from magtfnet.classical import ClassicalSystem, create_classical
from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split, Utterance
from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.preparation import part_data, run_facts, run_name
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.scoring import recording_of, report_of
from magtfnet.experiments.training_run import TrainedRun, finished_run
from magtfnet.features import FeatureStore
from magtfnet.labels import LabelSet
from magtfnet.memory import peak_memory_mib
from magtfnet.training.threads import threads

TIMED = 20
"""Test utterances whose prediction is timed, from the recording to the probabilities."""


def train_classical(
    corpus: Corpus,
    split: Split,
    run_dir: str | Path,
    config: ExperimentConfig,
    *,
    seed: int,
    resume: bool,
    store: FeatureStore,
) -> TrainedRun:
    """Fit on the training part, choose on the validation part, then score the test part once; see ``train``.

    Raises:
        RunDirectoryError: the directory is in the way, began with other settings, or another process is at work there.
        MissingExtraError: the system needs a library that is not installed.
        DivergenceError: nothing that it learnt gives numbers.
    """
    directory = RunDirectory(run_dir)
    facts = run_facts(corpus, split, seed, store)
    is_new = directory.open(config, facts, resume=resume)
    name = run_name(split, seed)
    if directory.complete:
        return finished_run(name, directory)
    system = create_classical(config.model.name, **config.model.overrides)
    with (
        directory.removed_if_it_diverges(is_new),
        directory.alone(),
        threads(directory.threads or torch.get_num_threads()),
    ):
        split.save(directory.path / "split.csv")
        start, start_cpu = time.perf_counter(), time.process_time()
        chosen = system.fit(
            part_data(store, split.train, corpus.labels, config.training.copies),
            part_data(store, split.validation, corpus.labels),
            len(corpus.labels),
            seed,
        )
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
        probabilities = system.predict_proba(part_data(store, split.test, corpus.labels))
        report = report_of(split.test, list(map(tuple, probabilities.tolist())), corpus.labels, name)
        history = [{"epoch": 1, "validation_WA": float(chosen["validation_WA"]), "seconds": seconds}]
        cost = {
            "chosen": chosen,
            "weights": system.weights_digest,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "peak_memory_mib": peak_memory_mib(),
            "parameters": system.num_parameters,
            "bytes": system.num_bytes,
            "cpu_seconds_per_second_of_speech": cost_of_prediction(
                system, store, split.test[:TIMED], corpus.labels
            ),
        }
        directory.write_history(history)
        _write_results(directory, corpus, split, config.model.name, report, cost)
    return TrainedRun(name, directory.path, report, history)


def _write_results(
    directory: RunDirectory,
    corpus: Corpus,
    split: Split,
    system: str,
    report: EvaluationReport,
    cost: Mapping[str, Any],
) -> None:
    """Write predictions, page and, last, the metrics, which complete the run."""
    report.save_predictions(directory.path / "predictions.csv")
    facts = {
        "corpus": corpus.summary,
        "protocol": split.describe(),
        "system": f"{system}, {cost['parameters']:,} learnt numbers",
        "chosen on validation": ", ".join(f"{key} {value}" for key, value in cost["chosen"].items()),
    }
    directory.write_text(
        "report.html", report_page(f"{system} on {corpus.name}", facts, {directory.path.name: report})
    )
    validation = {"validation_WA": cost["chosen"]["validation_WA"]}
    directory.write_metrics({"validation": validation, "test": report.to_dict(), "training": cost})


def cost_of_prediction(
    system: ClassicalSystem, store: FeatureStore, utterances: Sequence[Utterance], labels: LabelSet
) -> float:
    """Return the CPU seconds for a second of speech, from the recording to the probabilities."""
    frames = sum(store.length(recording_of(utterance)) for utterance in utterances)
    seconds = frames * store.features.stft.hop_length / store.audio.sample_rate
    with tempfile.TemporaryDirectory() as empty:
        start = time.process_time()
        fresh = FeatureStore(Path(empty), store.audio, store.features)
        fresh.extract([recording_of(utterance) for utterance in utterances])
        if not system.uses_front_end:  # it reads recordings itself, and keeps nothing of them here yet
            start = time.process_time()
        system.predict_proba(part_data(fresh, utterances, labels))
        return (time.process_time() - start) / seconds
