"""One training of a network: a corpus, a split, a configuration and a seed in; a run directory out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split
from magtfnet.errors import RunDirectoryError
from magtfnet.evaluation import EvaluationReport
from magtfnet.experiments.preparation import (
    DevelopmentParts,
    part_data,
    run_facts,
    run_name,
)
from magtfnet.experiments.run_directory import RunDirectory, software
from magtfnet.experiments.run_results import write_results
from magtfnet.experiments.scoring import score
from magtfnet.features import FeatureStore, Standardizer
from magtfnet.models import Model
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import Bundle, EmotionRecognizer
from magtfnet.recognizer.bundle import build
from magtfnet.training import FitResult, fit
from magtfnet.training.device import choose_device
from magtfnet.training.seeding import seeded
from magtfnet.training.threads import threads
from magtfnet.training.trainer import OnEpoch


@dataclass(frozen=True)
class TrainedRun:
    """A training that came to its end.

    Args:
        name: fold and seed.
        folder: its run directory.
        report: scores on the test part.
        history: a row per epoch.
    """

    name: str
    folder: Path
    report: EvaluationReport
    history: Sequence[dict[str, float]]

    @property
    def bundle(self) -> Bundle:
        """The trained model, read from the run directory."""
        return Bundle.load(RunDirectory(self.folder).bundle)


def train_network(
    corpus: Corpus,
    split: Split,
    run_dir: str | Path,
    config: ExperimentConfig,
    *,
    seed: int,
    resume: bool,
    store: FeatureStore,
    on_epoch: OnEpoch,
    progress: Progress,
) -> TrainedRun:
    """Train a network of the registry on a split; see ``train`` for arguments and errors."""
    directory = RunDirectory(run_dir)
    with seeded(seed):
        model, standardizer = build(len(corpus.labels), config.audio, config.features, config.model)
    device = torch.device("cpu") if model.solved else choose_device(config.training.device)
    facts = run_facts(corpus, split, seed, store)
    is_new = directory.open(config, facts, resume=resume)
    if directory.complete:
        return finished_run(run_name(split, seed), directory)
    name = run_name(split, seed)
    parts = DevelopmentParts(store, split.train, split.validation, corpus.labels)
    with (
        directory.removed_if_it_diverges(is_new),
        directory.alone(),
        threads(directory.threads or torch.get_num_threads()),
    ):
        split.save(directory.path / "split.csv")
        result = learn(
            model,
            standardizer,
            parts,
            config,
            seed=seed,
            device=device,
            checkpoint=directory.checkpoint,
            on_epoch=on_epoch,
            progress=progress,
        )
        bundle = Bundle(
            model,
            standardizer,
            corpus.labels,
            config.audio,
            config.features,
            config.model,
            provenance=facts | {"licence": corpus.info.licence, "device": device.type, **software()},
        )
        report = score(EmotionRecognizer(bundle), store, split.test, name)
        write_results(directory, corpus, split, bundle, result, report)
    return TrainedRun(name, directory.path, report, result.history)


def learn(
    model: Model,
    standardizer: Standardizer,
    parts: DevelopmentParts,
    config: ExperimentConfig,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch = lambda row: None,
    progress: Progress = silent,
) -> FitResult:
    """Fit standardisation on the training part, then the model; see ``fit`` for arguments and errors."""
    training = part_data(parts.store, parts.train, parts.labels, config.training.copies)
    if config.features.standardize:
        standardizer.fit(training.batch(piece)[0] for piece in training.in_order())
    selects = None if parts.validation is None else part_data(parts.store, parts.validation, parts.labels)
    return fit(
        model,
        standardizer,
        training,
        selects,
        config.training,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        progress=progress,
    )


def finished_run(name: str, directory: RunDirectory) -> TrainedRun:
    """Read a run that came to its end."""
    try:
        report = EvaluationReport.from_predictions(directory.path / "predictions.csv")
        kept, found = directory.read_metrics()["test"], report.to_dict()
        # how intervals are made may change from version to version
        if any(kept[name] != value for name, value in found.items() if name != "intervals_95"):
            raise ValueError("predictions.csv and metrics.json differ")
        return TrainedRun(name, directory.path, report, directory.read_history())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(
            f"{directory.path}: damaged ({error}); remove it to have it trained again, or choose another folder"
        ) from error
