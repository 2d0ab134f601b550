"""One training: a corpus, a split, a configuration and a seed in; a run directory out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split
from magtfnet.errors import RunDirectoryError
from magtfnet.evaluation import EvaluationReport
from magtfnet.experiments.preparation import (
    DevelopmentParts,
    part_data,
    prepare_training,
    run_facts,
    run_name,
)
from magtfnet.experiments.run_directory import RunDirectory, environment
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
        return Bundle.load(self.folder / "bundle")


def train(
    corpus: Corpus,
    split: Split,
    run_dir: str | Path,
    config: ExperimentConfig = ExperimentConfig(),
    *,
    seed: int = 0,
    resume: bool = False,
    store: FeatureStore | None = None,
    cache: Path | None = None,
    on_epoch: OnEpoch = lambda row: None,
    progress: Progress = silent,
) -> TrainedRun:
    """Train on a split's training part, select on its validation part, then score its test part once.

    Args:
        corpus: what the split is of.
        split: who is trained on, selects and is tested.
        run_dir: the run directory, which must not exist unless ``resume``.
        config: the experiment.
        seed: of initial weights, order and dropout.
        resume: go on with an unfinished run of the same settings; a finished one is read.
        store: what ``prepare_training`` returned, where several trainings share it.
        cache: where features are kept, without a store; ``default_cache()`` where not given.
        on_epoch: told each epoch's row.
        progress: told batches and features.

    Raises:
        RunDirectoryError: the directory is in the way, began with other settings, or another process is at work there.
        ConfigError: the model refuses its configuration, or the device is not there.
        AudioError: a recording that cannot be used.
        DivergenceError: the loss is no longer a number.
    """
    directory = RunDirectory(run_dir)
    directory.refuse_if_there(resume=resume)
    if store is None:
        utterances = [utterance for part in split.parts().values() for utterance in part]
        store = prepare_training(corpus, utterances, config, cache=cache, progress=progress)
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
            provenance=facts | {"licence": corpus.info.licence, "device": device.type, **_versions()},
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
    return fit(
        model,
        standardizer,
        training,
        part_data(parts.store, parts.validation, parts.labels),
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


def _versions() -> dict[str, Any]:
    known = environment()
    return {"python": known["python"], "versions": known["versions"]}
