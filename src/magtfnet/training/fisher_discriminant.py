"""Solve for a Fisher discriminant: mixtures and thresholds over training frames, then a discriminant in closed form.

No epochs, no learning rate, no chosen epoch. The discriminant is Fisher's, with the covariance within classes
shrunk towards a multiple of one, in the first principal directions; its temperature is what fits the logits of
speakers that it was not solved with (Guo et al., ICML 2017): whoever uses a model is a stranger to it. Mixtures,
thresholds and principal directions have seen these speakers, without their classes; only the discriminant has not.
"""

import math
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.covariance import shrunk_covariance
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GroupKFold
from torch import Tensor

from magtfnet.errors import ConfigError
from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.models.blocks.fisher_vector import FisherVectors
from magtfnet.models.fisher_discriminant import FisherDiscriminant, FisherDiscriminantConfig
from magtfnet.progress import Progress, silent
from magtfnet.training.batches import TrainingData

FRAMES = 30_000
"""Frames that a mixture is fitted to."""
ANSWERS = 3_000
"""Frames that the thresholds of convolutions are drawn from."""
LEAST_VARIANCE = 1e-2
"""Added to the variances of a component, in those of all frames: no component stands for a handful of frames."""
ITERATIONS = 100
TOLERANCE = 1e-2
"""In nats a frame: less than this an iteration need not bring."""
AT_ONCE = 8
"""Utterances."""
TINY, CONSTANT = 1e-10, 1e-6
FOLDS = 5
"""Inner folds that the temperature is found with."""
ABSENT = -1e9
"""The logit of a class of which the training part has nothing, far below that of any other."""
NEVER = -100.0
"""The same where a temperature has divided the others; a model in 8 bits must hold them beside it."""

TEMPERATURES = (-8.0, 8.0)
"""Natural logarithms of the least and the greatest."""

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


@torch.no_grad()
def solve(
    model: FisherDiscriminant,
    standardizer: Standardizer,
    training: TrainingData,
    *,
    seed: int,
    progress: Progress = silent,
) -> float:
    """Fit everything to a training part and its copies; return the temperature, by which logits have been divided.

    Args:
        model: fresh.
        standardizer: fitted on the training part.
        training: what is learnt from.
        seed: draws frames and kernels' thresholds, and starts the mixtures.
        progress: told how far the work is.

    Raises:
        ConfigError: fewer frames than a mixture has components.
    """
    copies = training.copies()
    steps = len(copies) + 2
    progress("mixtures of frames", 0, steps)
    _fit_frames(model, standardizer, training, seed)
    vectors = torch.empty(len(copies), len(training), len(model.mean))
    functionals = torch.empty(len(copies), len(training), model.config.num_functionals)
    for done, copy in enumerate(copies):
        progress("vectors", done + 1, steps)
        for places, batch in _batches(standardizer, copy):
            vectors[done, places] = model.vectors(batch.log_mel, batch.lld, batch.lengths).float()
            functionals[done, places] = batch.functionals
    vectors, functionals = vectors.flatten(0, 1), functionals.flatten(0, 1)
    model.mean.copy_(vectors.mean(dim=0))
    model.std.copy_(vectors.std(dim=0, unbiased=False).clamp_min(CONSTANT))
    progress("discriminant", steps - 1, steps)
    weighed = model.weighed(vectors, functionals).numpy()
    classes = np.tile(training.targets.numpy(), len(copies))
    weight, bias, divisor = _discriminant(weighed, classes, strangers(training), model.config, seed)
    model.classifier.weight.copy_(torch.from_numpy(weight))
    model.classifier.bias.copy_(torch.from_numpy(bias))
    progress("discriminant", steps, steps)
    return divisor


def _batches(standardizer: Standardizer, data: TrainingData) -> Iterator[tuple[list[int], FeatureBatch]]:
    """Give all utterances with their places, those of like length together, few enough for the cache."""
    order = np.argsort(data.lengths, kind="stable").tolist()
    for start in range(0, len(order), AT_ONCE):
        places = order[start : start + AT_ONCE]
        yield places, standardizer(data.batch(places)[0])


def _fit_frames(
    model: FisherDiscriminant, standardizer: Standardizer, training: TrainingData, seed: int
) -> None:
    """Fit what is made of frames to as many of each utterance as of any other, but no more than it has."""
    draws = np.random.default_rng(seed)
    of_each, answers_of_each = (math.ceil(count / len(training)) for count in (FRAMES, ANSWERS))
    found: dict[str, list[Floats]] = {name: [] for name in model.fisher}
    answers: list[list[Tensor]] = [[] for _ in model.config.dilations]
    for _, batch in _batches(standardizer, training):
        streams = model.frames(batch.log_mel, batch.lld, batch.lengths)
        chosen = [draws.permutation(length)[:of_each] for length in batch.lengths.tolist()]
        for name, frames in streams.items():
            found[name] += [frames[place].numpy()[some] for place, some in enumerate(chosen)]
        for scale, told in enumerate(answers):
            answered = model.convolutions.answers(batch.log_mel, batch.lengths, scale)
            told += [answered[place][:, some[:answers_of_each]] for place, some in enumerate(chosen)]
    for name, some_frames in found.items():
        _fit_mixture(cast("FisherVectors", model.fisher[name]), np.concatenate(some_frames), seed)
    generator = torch.Generator().manual_seed(seed)
    for scale, told in enumerate(answers):
        model.convolutions.set_thresholds(scale, torch.cat(told, dim=1), generator)


def _fit_mixture(fisher: FisherVectors, frames: Floats, seed: int) -> None:
    """Decorrelate frames by their principal directions, and describe them by Gaussians."""
    least = max(fisher.whitening.shape[1], len(fisher.means))
    if len(frames) < least:
        raise ConfigError(
            f"the training part has {len(frames)} frames, expected at least {least} for the Fisher vectors; give more "
            "recordings, or lower model.num_features and model.num_components"
        )
    whitening = PCA(fisher.whitening.shape[1]).fit(frames)
    directions = whitening.components_.T / np.sqrt(whitening.explained_variance_ + TINY)
    fisher.centre.copy_(torch.from_numpy(whitening.mean_))
    fisher.whitening.copy_(torch.from_numpy(directions))
    mixture = GaussianMixture(
        len(fisher.means),
        covariance_type="diag",
        reg_covar=LEAST_VARIANCE,
        max_iter=ITERATIONS,
        tol=TOLERANCE,
        random_state=seed,
    ).fit((frames - whitening.mean_) @ directions)
    fisher.means.copy_(torch.from_numpy(mixture.means_))
    fisher.log_variances.copy_(torch.from_numpy(np.log(mixture.covariances_)))
    fisher.log_weights.copy_(torch.from_numpy(np.log(mixture.weights_ + TINY)))


def strangers(training: TrainingData) -> Classes:
    """Return a number (N,) for each utterance that it shares with all others of its speaker.

    An utterance whose speaker nobody knows is alone; so are all where no two speakers share an emotion.
    """
    speakers: Sequence[str | None] = training.speakers or [None] * len(training)
    names = [place if speaker is None else speaker for place, speaker in enumerate(speakers)]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    groups = np.array([places[name] for name in names])
    classes = training.targets.numpy()
    shared = any(len(np.unique(groups[classes == k])) > 1 for k in np.unique(classes))
    return groups if shared else np.arange(len(groups))


def _discriminant(
    vectors: Floats, classes: Classes, groups: Classes, config: FisherDiscriminantConfig, seed: int
) -> tuple[Floats, Floats, float]:
    """Return weight (K, D), bias (K,) and temperature, by which both have been divided.

    The vectors (N, D) are those of all utterances, whose ``groups`` are never divided, then of their copies in the same
    order.
    """
    directions = min(config.num_directions, len(groups) - 1, vectors.shape[1])
    principal = PCA(directions, svd_solver="randomized", random_state=seed).fit(vectors)
    inside = principal.transform(vectors).astype(np.float64)
    divisor = temperature(*held_out(inside, classes, groups, config))
    weight, bias = linear_discriminant(inside, classes, config)
    outside = weight @ principal.components_
    moved = (bias - outside @ principal.mean_) / divisor
    return outside / divisor, np.where(bias == ABSENT, NEVER, moved), divisor


def held_out(
    vectors: Floats, classes: Classes, groups: Classes, config: FisherDiscriminantConfig
) -> tuple[Floats, Classes]:
    """Return logits of utterances by discriminants solved without their group or its copies, and their classes.

    Those of a class that nobody else has are left out: no temperature makes it less of a surprise.
    """
    copies = len(vectors) // len(groups)
    logits, truth = [], []
    folds = GroupKFold(min(FOLDS, len(np.unique(groups))))
    for learnt, told in folds.split(groups, groups=groups):
        known = np.concatenate([learnt + len(groups) * copy for copy in range(copies)])
        weight, bias = linear_discriminant(vectors[known], classes[known], config)
        fair = told[np.isin(classes[told], classes[learnt])]
        logits.append(vectors[fair] @ weight.T + bias)
        truth.append(classes[fair])
    return np.concatenate(logits), np.concatenate(truth)


def linear_discriminant(
    vectors: Floats, classes: Classes, config: FisherDiscriminantConfig
) -> tuple[Floats, Floats]:
    """Return weight (K, D) and bias (K,) of Gaussians with one shrunk covariance, all classes being as likely.

    Args:
        vectors: (N, D).
        classes: (N,), not necessarily each of them.
        config: how many classes, and the shrinkage.
    """
    present = np.unique(classes)
    means = np.stack([vectors[classes == k].mean(axis=0) for k in present])
    within = vectors - means[np.searchsorted(present, classes)]
    if not within.any():  # one utterance a class: how far they lie apart is all that there is
        within = vectors - vectors.mean(axis=0)
    covariance = shrunk_covariance(within.T @ within / len(vectors), config.shrinkage)
    solved = np.linalg.solve(covariance, means.T).T
    weight = np.zeros((config.num_classes, vectors.shape[1]))
    bias = np.full(config.num_classes, ABSENT)
    weight[present], bias[present] = solved, -0.5 * (solved * means).sum(axis=1)
    return weight, bias


def temperature(logits: Floats, classes: Classes) -> float:
    """Return what logits (N, K) are best divided by, so that the classes (N,) are least surprising.

    Where all are told right, ever larger logits would surprise less: as Platt (1999) has it, one utterance more is
    imagined whose class is none of them in particular. With no logits at all it is the greatest: sure of nothing.
    Classes that were absent where a row was told have no part in it.
    """
    if not len(classes):
        return math.exp(TEMPERATURES[1])
    there = logits > ABSENT / 2
    present = np.eye(logits.shape[1])[classes]
    expected = present + (there / there.sum(axis=1, keepdims=True) - present) / (len(classes) + 1)

    def surprise(logarithm: float) -> float:
        told = log_softmax(np.where(there, logits / np.exp(logarithm), -np.inf), axis=1)
        return -float((expected * np.where(there, told, 0.0)).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=TEMPERATURES, method="bounded").x))
