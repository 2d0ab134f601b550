"""Any systems on the same folds: who is better, and what each costs."""

import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from magtfnet.classical import CLASSICAL, NEED_OPENSMILE, NEED_WEIGHTS
from magtfnet.classical.egemaps_svm import TERMS, opensmile_is_installed
from magtfnet.config import ExperimentConfig, ModelConfig
from magtfnet.corpora import Corpus
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.errors import ConfigError
from magtfnet.evaluation import AggregateReport
from magtfnet.experiments.cross_validation import plan
from magtfnet.experiments.preparation import check_settings, make_features, with_system
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.experiments.training_run import TrainedRun
from magtfnet.experiments.trainings import (
    Announce,
    Training,
    choose_workers,
    do_all_but_diverging,
    refuse_to_forget,
)
from magtfnet.features import FeatureStore
from magtfnet.models.cost import count_parameters
from magtfnet.recognizer import EmotionRecognizer

REFERENCE = "magtf_net"
TIMED = 10
"""Test utterances whose prediction is timed."""


@dataclass(frozen=True)
class Compared:
    """A system with its scores and costs.

    Args:
        name: of the system.
        report: by run.
        parameters: learnt numbers.
        num_bytes: of what is kept of it.
        training_seconds: of a run, in the mean.
        cpu_seconds: for a second of speech, from the file to the probabilities; of the first run.
    """

    name: str
    report: AggregateReport
    parameters: int
    num_bytes: int
    training_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Comparison:
    """What came of comparing.

    Args:
        systems: that were trained on every fold, the reference among them.
        diverged: the others, of which one training or more has no result; what was found.
    """

    systems: Sequence[Compared]
    diverged: Mapping[str, str]


def default_systems() -> list[str]:
    """Return the systems that need no downloaded weights; those with openSMILE where it is installed."""
    systems = [
        REFERENCE,
        "cnn_blstm",
        "tim_net",
        "dual_tbnet",
        "densenet_gru",
        "cnn_channel_attention",
        "acrnn_3d",
        *(name for name in CLASSICAL if name not in NEED_OPENSMILE + NEED_WEIGHTS),
    ]
    return systems + (list(NEED_OPENSMILE) if opensmile_is_installed() else [])


def missing_systems(compared: Container[str]) -> list[str]:
    """Return which known systems are not among those compared for want of something, and what they need."""
    return [
        f"{name}: openSMILE is not installed; pip install 'magtfnet[bench]' brings it; its licence allows {TERMS}"
        for name in NEED_OPENSMILE
        if name not in compared
    ] + [
        f"{name}: needs weights; --weights {name}=DIR names their folder"
        for name in NEED_WEIGHTS
        if name not in compared
    ]


def compare(
    corpus: Corpus,
    systems: Iterable[str],
    out: Path,
    config: ExperimentConfig,
    *,
    seed: int = 0,
    fold: int | None = None,
    weights: Mapping[str, Path] | None = None,
    recipes: Sequence[ExperimentConfig] = (),
    resume: bool = False,
    cache: Path | None = None,
    jobs: int | None = None,
    announce: Announce = Announce(),
) -> Comparison:
    """Train every system on every fold of the configured protocol, where that is missing.

    A system that diverges is left out of what is compared; its runs that came to their end are kept.

    Args:
        corpus: what is trained on.
        systems: names of models or classical systems; the full MAGTF-Net is always among them.
        out: the folder; each system's runs lie in a folder of it.
        config: recipe and protocol; overrides of the model are the reference's alone.
        seed: of weights and of folds that are drawn.
        fold: this fold only.
        weights: folders of checkpoints, by the pretrained system that takes them.
        recipes: systems with features and training of their own, all others having those of ``config``; each takes the
            place of its model among ``systems``.
        resume: go on with what was begun there, with more systems where asked.
        cache: where features are kept; ``default_cache()`` where not given.
        jobs: trainings side by side; None lets a short trial decide.
        announce: told what happens.

    Raises:
        MagtfnetError: as ``train``; divergence of the reference alone.
    """
    if config.model.name != REFERENCE:
        raise ConfigError(f"model.name = '{config.model.name}' is no recipe; name systems with --models")
    configs = _experiments(systems, config, weights or {}, recipes)
    directory = RunDirectory(out)
    directory.refuse_if_there(resume=resume)
    begun = [name for name in configs if any((out / name).glob("*/metrics.json"))]
    for name in (name for name in configs if name not in begun):
        _check(name, configs[name], weights or {}, corpus)
    runs = plan(corpus, config, [seed], fold, duplicates=find_duplicates(corpus))
    for name in begun:  # one that is finished needs no weights and no library any more
        if not all(RunDirectory(out / name / run.name).complete for run in runs):
            _check(name, configs[name], weights or {}, corpus)
    stores = _stores(corpus, configs.values(), cache, announce)
    facts = {
        "kind": "comparison",
        "corpus": corpus.name,
        "utterances": len(corpus),
        "classes": list(corpus.labels.classes),
        "seed": seed,
    }
    directory.open(configs[REFERENCE], facts, resume=resume)
    trainings = [
        Training(corpus, run, out / name / run.name, each, resume=True, store=stores[_inputs(each)])
        for run in runs
        for name, each in configs.items()
    ]
    refuse_to_forget(out, [training.folder for training in trainings])
    unfinished = sum(not RunDirectory(training.folder).complete for training in trainings)
    workers = choose_workers(configs[REFERENCE], len(corpus.labels), unfinished, jobs, announce)
    with directory.alone():
        done, diverged = do_all_but_diverging(trainings, workers, announce, needed=REFERENCE)
    runs_of: dict[str, list[TrainedRun]] = {}
    for training, run in done:
        runs_of.setdefault(training.config.model.name, []).append(run)
    return Comparison([measured(name, of_system, corpus) for name, of_system in runs_of.items()], diverged)


def _experiments(
    systems: Iterable[str],
    config: ExperimentConfig,
    weights: Mapping[str, Path],
    recipes: Sequence[ExperimentConfig],
) -> dict[str, ExperimentConfig]:
    """Return the experiment that each system is; see ``compare``.

    Raises:
        ConfigError: a recipe or weights that would be passed over.
    """
    for name, count in Counter(recipe.model.name for recipe in recipes).items():
        if count > 1:
            raise ConfigError(
                f"two recipes of {name}, whose runs would lie in one folder; compare them one by one"
            )
    for name in weights:
        if name not in NEED_WEIGHTS:
            raise ConfigError(f"'{name}' takes no weights, expected one of {', '.join(NEED_WEIGHTS)}")
    given = {name: {"weights": str(folder)} for name, folder in weights.items()}
    configs = {name: _of(name, config, given.get(name, {})) for name in (REFERENCE, *systems, *given)}
    for recipe in recipes:
        name = recipe.model.name
        if name in given:
            raise ConfigError(
                f"a recipe of {name} takes the place of what its weights are given for; set model.weights in the recipe"
            )
        configs[name] = _on_the_same_folds(recipe, config)
    return configs


def _check(name: str, config: ExperimentConfig, weights: Mapping[str, Path], corpus: Corpus) -> None:
    """See ``check_settings``; weights of a system that are given are a folder, not a name on the hub."""
    folder = weights.get(name)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"weights of {name}: '{folder}' is no folder; name the folder of a checkpoint")
    check_settings(config, len(corpus.labels))


def _of(name: str, config: ExperimentConfig, given: Mapping[str, str]) -> ExperimentConfig:
    overrides = config.model.overrides if name == REFERENCE else given
    return with_system(config, ModelConfig(name=name, **overrides))


def _on_the_same_folds(recipe: ExperimentConfig, config: ExperimentConfig) -> ExperimentConfig:
    name = recipe.model.name
    if name == REFERENCE:
        raise ConfigError(f"a recipe of {name} is the comparison's own; give it with --config instead")
    return recipe.model_copy(update={"protocol": config.protocol})


def _stores(
    corpus: Corpus, configs: Iterable[ExperimentConfig], cache: Path | None, announce: Announce
) -> dict[object, FeatureStore]:
    """Return the features of the corpus for each kind of ``_inputs``, made once for all systems that share them."""
    stores: dict[object, FeatureStore] = {}
    for config in configs:
        if _inputs(config) not in stores:
            features = make_features(corpus, config, cache=cache, progress=announce.progress)
            stores[_inputs(config)] = features
    return stores


def _inputs(config: ExperimentConfig) -> object:
    """Return what decides which features a store must hold."""
    return config.audio, config.features, config.training.copies


def measured(name: str, runs: Sequence[TrainedRun], corpus: Corpus) -> Compared:
    """Return the scores of a system's runs and what it costs; of a network, predictions are timed now.

    Args:
        name: of the system.
        runs: one or more.
        corpus: that they were trained on.
    """
    report = AggregateReport({run.name: run.report for run in runs})
    seconds = sum(row["seconds"] for run in runs for row in run.history) / len(runs)
    if name in CLASSICAL:
        cost = RunDirectory(runs[0].folder).read_metrics()["training"]
        return Compared(
            name,
            report,
            int(cost["parameters"]),
            int(cost["bytes"]),
            seconds,
            cost["cpu_seconds_per_second_of_speech"],
        )
    bundle = runs[0].bundle
    parameters = count_parameters(bundle.model)
    kept = sum(file.stat().st_size for file in RunDirectory(runs[0].folder).bundle.iterdir())
    recognizer = EmotionRecognizer(bundle)
    tested = [corpus[row.id] for row in runs[0].report.rows[:TIMED]]
    recognizer.predict(tested[0].read())  # the first sets everything up
    start = time.process_time()
    predicted = [recognizer.predict(utterance.read()) for utterance in tested]
    cpu = (time.process_time() - start) / sum(prediction.duration for prediction in predicted)
    return Compared(name, report, parameters, kept, seconds, cpu)
