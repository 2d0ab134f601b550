"""A model to ship: trained on every utterance of a corpus, with the scores that others like it had on held-out ones.

Nothing is held out, so nothing can choose an epoch: their number is fixed beforehand by the epochs that validation
chose in the cross-validated runs. No test score takes part.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from magtfnet.config import ExperimentConfig, TrainingConfig
from magtfnet.corpora import Corpus
from magtfnet.deploy import export
from magtfnet.errors import RunDirectoryError
from magtfnet.experiments.past_results import PastResults, fixed_epochs
from magtfnet.experiments.preparation import DevelopmentParts, prepare_training
from magtfnet.experiments.run_directory import software
from magtfnet.experiments.shipped_card import shipped_card
from magtfnet.experiments.training_run import learn
from magtfnet.features.store import default_cache
from magtfnet.prediction import UNSURE_BELOW, threshold
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.bundle import Bundle, build
from magtfnet.training.seeding import seeded
from magtfnet.training.trainer import OnEpoch


def ship(
    corpus: Corpus,
    results: Sequence[PastResults],
    *,
    seed: int = 0,
    unsure_below: float = UNSURE_BELOW,
    precision: str = "float32",
    cache: Path | None = None,
    on_epoch: OnEpoch = lambda row: None,
    progress: Progress = silent,
) -> Bundle:
    """Train on all of a corpus by the recipe of its cross-validated runs; return the bundle with its exported graph.

    Args:
        corpus: every utterance is learnt from.
        results: of at least one protocol, all with the same recipe.
        seed: of initial weights, order and dropout.
        unsure_below: an answer of a lower probability is "not sure"; the card says what that costs and brings.
        precision: of the large products in training.
        cache: where features are kept; ``default_cache()`` where not given.
        on_epoch: told each epoch's row.
        progress: told how far the work is.

    Raises:
        RunDirectoryError: the results are of unlike recipes, or of another corpus or part of it.
        MagtfnetError: as ``train``; and as ``export``.
    """
    unsure_below = threshold(unsure_below)
    config = _recipe(corpus, results, precision)
    store = prepare_training(corpus, corpus, config, cache=cache or default_cache(), progress=progress)
    with seeded(seed):
        model, standardizer = build(len(corpus.labels), config.audio, config.features, config.model)
    learn(
        model,
        standardizer,
        DevelopmentParts(store, list(corpus), None, corpus.labels),
        config,
        seed=seed,
        # The same weights again on any machine with the same threads, as far as may be.
        device=torch.device("cpu"),
        on_epoch=on_epoch,
        progress=progress,
    )
    provenance = _provenance(corpus, config.training, seed)
    scores = {"cross_validation": [result.to_dict() for result in results]}
    parts = (model, standardizer, corpus.labels, config.audio, config.features, config.model)
    bundle = Bundle(*parts, provenance=provenance, scores=scores, unsure_below=unsure_below)
    digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in model.state_dict().values())).hexdigest()
    bundle = replace(bundle, card=shipped_card(bundle, corpus, results, digest))
    return replace(bundle, graph=export(bundle, progress))


def _provenance(corpus: Corpus, config: TrainingConfig, seed: int) -> dict[str, Any]:
    """Return what the model was made of and by."""
    known = software()
    return {
        "corpus": corpus.name,
        **({} if corpus.part is None else {"part": corpus.part}),
        "licence": corpus.info.licence,
        "language": corpus.info.language,
        "utterances": len(corpus),
        "speakers": len(corpus.speakers()),
        "protocol": "all utterances, nothing held out",
        "epochs": config.epochs,
        "seed": seed,
        "precision": config.precision,
        "threads": torch.get_num_threads(),
        "versions": known["versions"],
        "python": known["python"],
    }


def _recipe(corpus: Corpus, results: Sequence[PastResults], precision: str) -> ExperimentConfig:
    """Return the configuration that all results share, with as many epochs as validation chose in the median."""
    first = results[0].config
    for result in results:
        config = result.config
        if (config.audio, config.features, config.model) != (first.audio, first.features, first.model) or (
            _learning(config.training) != _learning(first.training)
        ):
            raise RunDirectoryError(
                f"the results of {config.protocol.name} are of another recipe than those of {first.protocol.name}; "
                "name results of one recipe"
            )
        strangers = {row.id for row in result.reports.pooled.rows} - {utterance.id for utterance in corpus}
        if strangers:
            raise RunDirectoryError(
                f"the results of {config.protocol.name} are of {len(strangers)} utterances that the corpus has not, "
                f"such as {min(strangers)}; name results of this corpus"
            )
        if result.utterances != len(corpus):
            raise RunDirectoryError(
                f"the results of {config.protocol.name} are of {result.utterances} utterances, the corpus has "
                f"{len(corpus)}; name the same copy, with the same --only and --labels"
            )
        if result.reports.pooled.classes != corpus.labels.classes:
            raise RunDirectoryError(
                f"the results of {config.protocol.name} have the classes {', '.join(result.reports.pooled.classes)}, "
                f"the corpus has {', '.join(corpus.labels.classes)}; name results of this corpus"
            )
    changes = {"epochs": fixed_epochs(results), "precision": precision, "device": "cpu"}
    return first.model_copy(update={"training": first.training.model_copy(update=changes)})


def _learning(config: TrainingConfig) -> TrainingConfig:
    """Return a recipe without what does not change what is learnt in an epoch."""
    return config.model_copy(update={"precision": "float32", "epochs": 1, "patience": 1, "device": "cpu"})
