"""What a training needs before its run directory is made: settings that hold, features, parts, and what names them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from magtfnet.classical import CLASSICAL, LEARN_FROM_COPIES, NEED_WEIGHTS, create_classical
from magtfnet.classical.encoder import RATE, another_rate
from magtfnet.config import ExperimentConfig, ModelConfig
from magtfnet.corpora import Corpus, Split, Utterance
from magtfnet.errors import ConfigError, UnknownNameError
from magtfnet.experiments.scoring import recording_of
from magtfnet.features import FeatureStore
from magtfnet.features.store import default_cache
from magtfnet.labels import LabelSet
from magtfnet.models import MODELS
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.bundle import build
from magtfnet.training import TrainingData
from magtfnet.training.device import choose_device
from magtfnet.training.seeding import seeded


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
    return make_features(utterances, config, cache=cache, progress=progress)


def make_features(
    utterances: Iterable[Utterance],
    config: ExperimentConfig,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> FeatureStore:
    """Return the features of utterances, and of the copies that the configuration asks for.

    Raises:
        AudioError: a recording that cannot be used.
    """
    store = FeatureStore(cache or default_cache(), config.audio, config.features)
    plain = [recording_of(utterance) for utterance in utterances]
    copies = [replace(recording, change=change) for change in config.training.copies for recording in plain]
    store.extract([*plain, *copies], progress)
    return store


def check_settings(config: ExperimentConfig, num_classes: int) -> None:
    """Find what is wrong with a configuration before any work is done.

    Raises:
        UnknownNameError: no such model.
        ConfigError: the model or the front end refuses its configuration, the device is not there, or copies that the
            system does not learn from.
    """
    choose_device(config.training.device)
    name = config.model.name
    if name in CLASSICAL:
        if name in NEED_WEIGHTS and config.audio.sample_rate != RATE:
            raise another_rate(config.audio.sample_rate)
        create_classical(name, **config.model.overrides)
        if config.training.copies and not learns_from_copies(name):
            raise ConfigError(
                f"training.copies = {list(config.training.copies)}: {name} learns from no copies; leave them away"
            )
        return
    if name not in MODELS:
        raise UnknownNameError("model", name, [*MODELS, *CLASSICAL])
    with seeded(0):
        build(num_classes, config.audio, config.features, config.model)


@dataclass(frozen=True)
class DevelopmentParts:
    """What a model may be made from: a split without its test part.

    Args:
        store: has the features of both parts.
        train: what is learnt from.
        validation: what selects; None where nothing is held out.
        labels: the classes.
    """

    store: FeatureStore
    train: Sequence[Utterance]
    validation: Sequence[Utterance] | None
    labels: LabelSet


def learns_from_copies(name: str) -> bool:
    """Whether ``training.copies`` changes anything for a model or classical system."""
    return name not in CLASSICAL or name in LEARN_FROM_COPIES


def with_system(config: ExperimentConfig, model: ModelConfig) -> ExperimentConfig:
    """Return the same experiment with another system; one that learns from no copies is asked for none."""
    copies = config.training.copies if learns_from_copies(model.name) else ()
    training = config.training.model_copy(update={"copies": copies})
    return config.model_copy(update={"model": model, "training": training})


def learns_in_epochs(config: ExperimentConfig, num_classes: int) -> bool:
    """Whether gradient steps train it: neither a classical system nor a model that is solved for."""
    if config.model.name in CLASSICAL:
        return False
    with seeded(0):
        model, _ = build(num_classes, config.audio, config.features, config.model)
    return not model.solved


def part_data(
    store: FeatureStore, utterances: Sequence[Utterance], labels: LabelSet, changes: Sequence[str] = ()
) -> TrainingData:
    """Return the features and classes of one part of a split; the store has them, and those of copies, already."""
    classes = [labels.index(utterance.emotion) for utterance in utterances]
    recordings = [recording_of(utterance) for utterance in utterances]
    return TrainingData(
        store, recordings, classes, changes, speakers=[utterance.speaker for utterance in utterances]
    )


def run_name(split: Split, seed: int) -> str:
    """Return the name of a training among others, such as ``fold_03_seed_0``."""
    return f"fold_{split.fold:02d}_seed_{seed}"


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
