"""Solve for a Fisher discriminant: a mixture over training frames, then a linear discriminant in closed form.

No epochs, no learning rate, no chosen epoch. The discriminant is Fisher's, with the covariance within classes
shrunk towards a multiple of one, in the first principal directions; its temperature is what fits the logits of
utterances that it was not solved with (Guo et al., ICML 2017).
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.covariance import shrunk_covariance
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold

from magtfnet.errors import ConfigError
from magtfnet.features import FeatureBatch, Standardizer
from magtfnet.models.blocks.fisher_vector import FisherVectors
from magtfnet.models.fisher_discriminant import FisherDiscriminant, FisherDiscriminantConfig
from magtfnet.progress import Progress, silent
from magtfnet.training.batches import TrainingData

FRAMES = 30_000
"""Frames that the mixture is fitted to."""
LEAST_VARIANCE = 1e-2
"""Added to the variances of a component, in those of all frames: no component stands for a handful of frames."""
ITERATIONS = 100
TOLERANCE = 1e-2
"""In nats a frame: less than this an iteration need not bring."""
AT_ONCE = 64
"""Utterances."""
TINY, CONSTANT = 1e-10, 1e-6
FOLDS = 5
"""Inner folds that the temperature is found with."""
ABSENT = -100.0
"""The logit of a class of which the training part has nothing."""

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
    """Fit mixture, standardisation and classifier to a training part and its copies; return the temperature.

    The classifier's logits have been divided by it.

    Args:
        model: fresh.
        standardizer: fitted on the training part.
        training: what is learnt from.
        seed: draws frames, the mixture's start and inner folds.
        progress: told how far the work is.

    Raises:
        ConfigError: fewer frames than the mixture has components.
    """
    copies = training.copies()
    steps = len(copies) + 2
    progress("mixture of frames", 0, steps)
    for mixture, frames in _some_frames(model, standardizer, training, seed):
        _fit_mixture(mixture, frames, seed)
    parts = []
    for done, copy in enumerate(copies, start=1):
        progress("Fisher vectors", done, steps)
        parts += [
            (model.fisher_vectors(batch.log_mel, batch.lengths).float(), batch.functionals)
            for batch in _batches(standardizer, copy)
        ]
    fisher, functionals = (torch.cat(part) for part in zip(*parts, strict=True))
    model.fisher_mean.copy_(fisher.mean(dim=0))
    model.fisher_std.copy_(fisher.std(dim=0, unbiased=False).clamp_min(CONSTANT))
    progress("discriminant", steps - 1, steps)
    vectors = model.weighed(fisher, functionals).numpy()
    classes = np.tile(training.targets.numpy(), len(copies))
    weight, bias, divisor = _discriminant(vectors, classes, len(training), model.config, seed)
    model.classifier.weight.copy_(torch.from_numpy(weight))
    model.classifier.bias.copy_(torch.from_numpy(bias))
    progress("discriminant", steps, steps)
    return divisor


def _batches(standardizer: Standardizer, data: TrainingData) -> Iterator[FeatureBatch]:
    """Give all utterances in their order."""
    for start in range(0, len(data), AT_ONCE):
        yield standardizer(data.batch(range(start, min(start + AT_ONCE, len(data))))[0])


def _some_frames(
    model: FisherDiscriminant, standardizer: Standardizer, training: TrainingData, seed: int
) -> list[tuple[FisherVectors, Floats]]:
    """Return each mixture with frames (N, F), as many of each utterance as of any other, but no more than it has."""
    generator = np.random.default_rng(seed)
    of_each = math.ceil(FRAMES / len(training))
    found: dict[FisherVectors, list[Floats]] = {}
    for batch in _batches(standardizer, training):
        streams = model.streams(batch.log_mel, batch.lengths)
        for place, length in enumerate(batch.lengths.tolist()):
            chosen = generator.permutation(length)[:of_each]
            for fisher, frames in streams:
                found.setdefault(fisher, []).append(frames[place].numpy()[chosen])
    return [(fisher, np.concatenate(frames)) for fisher, frames in found.items()]


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


def _discriminant(
    vectors: Floats, classes: Classes, utterances: int, config: FisherDiscriminantConfig, seed: int
) -> tuple[Floats, Floats, float]:
    """Return weight (K, D), bias (K,) and temperature, by which both have been divided.

    The vectors (N, D) are those of all ``utterances``, then of their copies in the same order.
    """
    directions = min(config.num_directions, utterances - 1, vectors.shape[1])
    principal = PCA(directions, svd_solver="randomized", random_state=seed).fit(vectors)
    inside = principal.transform(vectors).astype(np.float64)
    owners = np.arange(len(vectors)) % utterances
    held_out = np.zeros((utterances, config.num_classes))
    for learnt, told in KFold(min(FOLDS, utterances), shuffle=True, random_state=seed).split(
        owners[:utterances]
    ):
        known = np.isin(owners, learnt)
        weight, bias = linear_discriminant(inside[known], classes[known], config)
        held_out[told] = inside[told] @ weight.T + bias
    divisor = temperature(held_out, classes[:utterances])
    weight, bias = linear_discriminant(inside, classes, config)
    outside = weight @ principal.components_
    return outside / divisor, (bias - outside @ principal.mean_) / divisor, divisor


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
    covariance = shrunk_covariance(within.T @ within / len(vectors), config.shrinkage)
    solved = np.linalg.solve(covariance, means.T).T
    weight = np.zeros((config.num_classes, vectors.shape[1]))
    bias = np.full(config.num_classes, ABSENT)
    weight[present], bias[present] = solved, -0.5 * (solved * means).sum(axis=1)
    return weight, bias


def temperature(logits: Floats, classes: Classes) -> float:
    """Return what logits (N, K) are best divided by, so that the classes (N,) are least surprising.

    Where all are told right, ever larger logits would surprise less: as Platt (1999) has it, one utterance more is
    imagined whose class is none of them in particular.
    """
    present = np.eye(logits.shape[1])[classes]
    expected = present + (1 / logits.shape[1] - present) / (len(classes) + 1)

    def surprise(logarithm: float) -> float:
        told = log_softmax(logits / np.exp(logarithm), axis=1)
        return -float((expected * told).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=TEMPERATURES, method="bounded").x))
