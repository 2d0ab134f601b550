"""The fused vectors of a corpus: a picture of their neighbourhoods, and whose differences they hold."""

from collections.abc import Sequence

import numpy as np
from sklearn.manifold import TSNE

FEWEST = 4
ALIKE = 1e-6
Vectors = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def explained_share(vectors: Vectors, groups: Sequence[str]) -> float:
    """Return the share of the vectors' variance that a linear probe of the groups finds, corrected for chance.

    The probe predicts each vector by the mean of its group (least squares on indicators). Its R^2 grows with
    the number of groups even where they mean nothing; the adjusted one (Ezekiel, 1930) is 0 there, on average.

    Args:
        vectors: (utterances, D).
        groups: of each utterance, such as its speaker.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    count = len(vectors)
    if len(names) < 2 or count <= len(names):
        return 0.0
    means = np.stack([vectors[member == k].mean(axis=0) for k in range(len(names))])
    total = np.square(vectors - vectors.mean(axis=0)).sum()
    if total == 0:
        return 0.0
    within = np.square(vectors - means[member]).sum()
    return float(1 - (within / (count - len(names))) / (total / (count - 1)))


def neighbourhoods(vectors: Vectors) -> Vectors:
    """Return (utterances, 2): t-SNE (van der Maaten & Hinton, JMLR 2008) from the principal components, seed 0.

    (0, 2) for fewer than ``FEWEST`` utterances or vectors that are all alike: there is nothing to draw.
    """
    if len(vectors) < FEWEST or np.ptp(vectors, axis=0).max() < ALIKE:
        return np.zeros((0, 2))
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    flat: Vectors = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(vectors)
    return flat
