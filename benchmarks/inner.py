"""Inner folds of a training part: validation data for choices, where no test part is read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.model_selection import GroupKFold, StratifiedKFold

from magtfnet.config import ExperimentConfig
from magtfnet.corpora import Corpus, Utterance, load_corpus, protocols
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.experiments.preparation import part_data, prepare_training
from magtfnet.features import Standardizer
from magtfnet.models import Model
from magtfnet.recognizer.bundle import build
from magtfnet.training import fit
from magtfnet.training.batches import TrainingData
from magtfnet.training.seeding import seeded

INNER = 5
AT_ONCE = 64

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
"""Positions of utterances in a part."""


def first_training_part(name: str, protocol_files: Path, corpora: Path) -> tuple[Corpus, list[Utterance]]:
    """Return a corpus, and what EmoBox's first fold of it learns from and validates on."""
    corpus = load_corpus(name, corpora / name)
    fold = protocols.folds_from(corpus, file=protocol_files / f"emobox_{name}")[0]
    return corpus, [*fold.train, *fold.validation]


def inner_folds(
    classes: Places, part: Sequence[Utterance], apart: bool, division: int = 0
) -> list[tuple[Places, Places]]:
    """Return the places of what is learnt from and of what is told, of each of five folds.

    At random, classes alike in every fold; where speakers are kept apart, by whole speakers. Each ``division`` has
    other folds.
    """
    if apart:
        speakers = [utterance.speaker for utterance in part]
        return list(GroupKFold(INNER, shuffle=True, random_state=division).split(classes, classes, speakers))
    return list(StratifiedKFold(INNER, shuffle=True, random_state=division).split(classes, classes))


def inner_probabilities(
    corpus: Corpus, part: Sequence[Utterance], config: ExperimentConfig, apart: bool, seed: int = 0
) -> Floats:
    """Return the probabilities (N, K) of a part, each told by a model of the other folds; nothing chooses an epoch.

    The folds are the same for every ``seed``.
    """
    store = prepare_training(corpus, part, config)
    told = np.zeros((len(part), len(corpus.labels)))
    for learnt, held_out in inner_folds(classes_of(corpus, part), part, apart):
        with seeded(seed):
            model, standardizer = build(len(corpus.labels), config.audio, config.features, config.model)
        rest, asked = ([part[i] for i in places] for places in (learnt, held_out))
        training = part_data(store, rest, corpus.labels, config.training.copies)
        if config.features.standardize:
            standardizer.fit(training.batch(piece)[0] for piece in training.in_order())
        fit(model, standardizer, training, None, config.training, seed=seed, device=torch.device("cpu"))
        told[held_out] = _probabilities(model, standardizer, part_data(store, asked, corpus.labels))
    return told


@torch.inference_mode()
def _probabilities(model: Model, standardizer: Standardizer, data: TrainingData) -> Floats:
    """Return a model's probabilities of each utterance, (N, K)."""
    rows = []
    for start in range(0, len(data), AT_ONCE):
        batch, _ = data.batch(range(start, min(start + AT_ONCE, len(data))))
        rows.append(model.eval()(**standardizer(batch).inputs(model.inputs)).double().softmax(dim=-1))
    told: Floats = torch.cat(rows).numpy()
    return told


def scores(corpus: Corpus, part: Sequence[Utterance], told: Floats) -> tuple[float, float]:
    """Return WA and UA in percent of what is most probable."""
    confusion = confusion_matrix(
        classes_of(corpus, part).tolist(), told.argmax(axis=1).tolist(), len(corpus.labels)
    )
    return 100 * weighted_accuracy(confusion), 100 * unweighted_accuracy(confusion)


def classes_of(corpus: Corpus, part: Sequence[Utterance]) -> Places:
    """Return the place of each utterance's emotion among the classes, (N,)."""
    return np.array([corpus.labels.index(utterance.emotion) for utterance in part])
