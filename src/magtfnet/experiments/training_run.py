"""One training: a corpus, a split, a configuration and a seed in; a run directory out."""

import hashlib
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from magtfnet.classical import CLASSICAL, create_classical
from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Split, Utterance
from magtfnet.errors import DivergenceError, RunDirectoryError, UnknownNameError
from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.model_card import model_card
from magtfnet.experiments.run_directory import RunDirectory, environment
from magtfnet.experiments.scoring import recording_of, score
from magtfnet.features import FeatureStore, Standardizer
from magtfnet.features.store import default_cache
from magtfnet.labels import LabelSet
from magtfnet.memory import peak_memory_mib
from magtfnet.models import MODELS, Model
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import Bundle, EmotionRecognizer
from magtfnet.recognizer.bundle import build
from magtfnet.training import FitResult, TrainingData, fit
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


def run_name(split: Split, seed: int) -> str:
    """Return the name of a training among others, such as ``fold_03_seed_0``."""
    return f"fold_{split.fold:02d}_seed_{seed}"


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
    device = choose_device(config.training.device)
    with seeded(seed):
        model, standardizer = build(len(corpus.labels), config.audio, config.features, config.model)
    facts = run_facts(corpus, split, seed, store)
    is_new = directory.open(config, facts, resume=resume)
    if directory.complete:
        return finished_run(run_name(split, seed), directory)
    name = run_name(split, seed)
    parts = DevelopmentParts(store, split.train, split.validation, corpus.labels)
    try:
        with directory.alone(), threads(directory.threads or torch.get_num_threads()):
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
            _write_results(directory, corpus, split, bundle, result, report)
    except DivergenceError:
        if is_new:  # nothing in it is worth going on from
            shutil.rmtree(directory.path)
        raise
    return TrainedRun(name, directory.path, report, result.history)


@dataclass(frozen=True)
class DevelopmentParts:
    """What a model may be made from: a split without its test part.

    Args:
        store: has the features of both parts.
        train: what is learnt from.
        validation: what selects.
        labels: the classes.
    """

    store: FeatureStore
    train: Sequence[Utterance]
    validation: Sequence[Utterance]
    labels: LabelSet


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


def run_facts(corpus: Corpus, split: Split, seed: int, store: FeatureStore) -> dict[str, Any]:
    """Return what beside the configuration makes a run what it is."""
    return {
        "corpus": corpus.name,
        **({} if corpus.part is None else {"part": corpus.part}),
        "utterances": len(corpus),
        "protocol": split.protocol,
        "fold": split.fold,
        "seed": seed,
        "classes": list(corpus.labels.classes),
        "split_and_recordings": fingerprint(split.parts(), store),
    }


def fingerprint(parts: Mapping[str, Sequence[Utterance]], store: FeatureStore) -> str:
    """Return a digest of who stands where under which label, and of every recording's content.

    A run may only go on with the same: else what was trained on could be tested.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, part in parts.items():
        for utterance in part:
            content = store.content_key(recording_of(utterance))
            digest.update(repr((name, utterance.id, utterance.emotion, content)).encode())
    return digest.hexdigest()


def finished_run(name: str, directory: RunDirectory) -> TrainedRun:
    """Read a run that came to its end."""
    try:
        report = EvaluationReport.from_predictions(directory.path / "predictions.csv")
        if not report.confusion.any():
            raise ValueError("no predictions")
        if report.to_dict() != directory.read_metrics()["test"]:
            raise ValueError("predictions.csv and metrics.json differ")
        return TrainedRun(name, directory.path, report, directory.read_history())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(f"{directory.path}: damaged ({error}); choose another folder") from error


def prepare_training(
    corpus: Corpus,
    utterances: Iterable[Utterance],
    config: ExperimentConfig,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> FeatureStore:
    """Find every mistake that can be found before a run directory is made, and return the features of utterances.

    Raises:
        ConfigError: the model refuses its configuration, or the device is not there.
        AudioError: a recording that cannot be used.
    """
    check_settings(config, len(corpus.labels))
    store = FeatureStore(cache or default_cache(), config.audio, config.features)
    plain = [recording_of(utterance) for utterance in utterances]
    copies = [replace(recording, change=change) for change in config.training.copies for recording in plain]
    store.extract([*plain, *copies], progress)
    return store


def check_settings(config: ExperimentConfig, num_classes: int) -> None:
    """Find what is wrong with a configuration before any work is done.

    Raises:
        UnknownNameError: no such model.
        ConfigError: the model or the front end refuses its configuration, or the device is not there.
    """
    choose_device(config.training.device)
    name = config.model.name
    if name in CLASSICAL:
        create_classical(name, **config.model.overrides)
        return
    if name not in MODELS:
        raise UnknownNameError("model", name, [*MODELS, *CLASSICAL])
    with seeded(0):
        build(num_classes, config.audio, config.features, config.model)


def part_data(
    store: FeatureStore, utterances: Sequence[Utterance], labels: LabelSet, changes: Sequence[str] = ()
) -> TrainingData:
    """Return the features and classes of one part of a split; the store has them, and those of copies, already."""
    classes = [labels.index(utterance.emotion) for utterance in utterances]
    recordings = [recording_of(utterance) for utterance in utterances]
    return TrainingData(
        store, recordings, classes, changes, speakers=[utterance.speaker for utterance in utterances]
    )


def _origin(model: Model, result: FitResult) -> str:
    score = f"validation WA {100 * result.history[result.best_epoch - 1]['validation_WA']:.2f} %"
    if model.solved:
        return f"solved for in closed form ({score}; it chose nothing)"
    return f"of epoch {result.best_epoch} of {len(result.history)}, chosen by {score}"


def _versions() -> dict[str, Any]:
    known = environment()
    return {"python": known["python"], "versions": known["versions"]}


def _write_results(
    directory: RunDirectory,
    corpus: Corpus,
    split: Split,
    bundle: Bundle,
    result: FitResult,
    report: EvaluationReport,
) -> None:
    best = result.history[result.best_epoch - 1]
    facts = {
        "seed": bundle.provenance["seed"],
        "weights": _origin(bundle.model, result),
        "trained on": f"{bundle.provenance['device']}, magtfnet {bundle.provenance['versions']['magtfnet']}",
    }
    parameters = sum(parameter.numel() for parameter in bundle.model.parameters())
    name = bundle.model_config.name
    card = model_card(name, parameters, corpus.info, split, report, facts)
    scores = {
        "validation": {key: best[key] for key in ("validation_WA", "validation_UA", "validation_loss")},
        "test": report.to_dict(),
    }
    page_facts = {
        "corpus": f"{corpus.info.title} ({len(corpus)} utterances, {corpus.info.licence})",
        "protocol": split.describe(),
        "model": f"{name}, {parameters:,} parameters",
        **{key: str(value) for key, value in facts.items()},
    }
    page = report_page(
        f"{name} on {corpus.name}", page_facts, {run_name(split, int(facts["seed"])): report}, result.history
    )
    directory.write_history(result.history)
    report.save_predictions(directory.path / "predictions.csv")
    directory.write_text("MODEL_CARD.md", card)
    directory.write_text("report.html", page)
    if not directory.bundle.exists():  # it is, where a run was stopped between the bundle and its metrics
        replace(bundle, scores=scores, card=card).save(directory.bundle)
    cost = {
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "seconds_per_epoch": statistics.median(row["seconds"] for row in result.history),
        "peak_memory_mib": peak_memory_mib(),
    }
    directory.write_metrics(scores | {"training": cost})
    directory.checkpoint.unlink(missing_ok=True)
