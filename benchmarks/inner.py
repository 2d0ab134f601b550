"""Inner folds of a training part: validation data for choices, where no test part is read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.model_selection import GroupKFold, StratifiedKFold

from magtfnet.corpora import Corpus, Utterance, load_corpus, protocols
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.features import Standardizer
from magtfnet.models import Model
from magtfnet.training.batches import TrainingData

INNER = 5
AT_ONCE = 64

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def first_training_part(name: str, protocol_files: Path, corpora: Path) -> tuple[Corpus, list[Utterance]]:
    """Return a corpus, and what EmoBox's first fold of it learns from and validates on."""
    corpus = load_corpus(name, corpora / name)
    fold = protocols.folds_from(corpus, file=protocol_files / f"emobox_{name}")[0]
    return corpus, [*fold.train, *fold.validation]


def inner_folds(corpus: Corpus, part: Sequence[Utterance], apart: bool) -> list[tuple[Places, Places]]:
    """Return the places of what is learnt from and of what is told, of each of five folds."""
    classes = _classes(corpus, part)
    if apart:
        speakers = [utterance.speaker for utterance in part]
        return list(GroupKFold(INNER, shuffle=True, random_state=0).split(classes, classes, speakers))
    return list(StratifiedKFold(INNER, shuffle=True, random_state=0).split(classes, classes))


@torch.inference_mode()
def probabilities(model: Model, standardizer: Standardizer, data: TrainingData) -> Floats:
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
        _classes(corpus, part).tolist(), told.argmax(axis=1).tolist(), len(corpus.labels)
    )
    return 100 * weighted_accuracy(confusion), 100 * unweighted_accuracy(confusion)


def _classes(corpus: Corpus, part: Sequence[Utterance]) -> Places:
    return np.array([corpus.labels.index(utterance.emotion) for utterance in part])
