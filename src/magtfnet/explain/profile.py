"""What matters to a model over many recordings, emotion by emotion, and whether other seeds agree.

A profile is the share that each part has of everything that is added or taken: bands of frequency,
descriptors, time scales. Profiles of several models of the same kind tell how far an explanation is that of
the emotion, and how far that of one training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import rankdata

from magtfnet.explain.explanation import Explanation

AGREEMENT = 0.5
"""Mean rank correlation between models below which an explanation is said to change with the seed."""
KINDS = ("bands", "descriptors", "scales")

Shares = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Profile:
    """The parts of one kind for one emotion.

    Args:
        names: of the parts.
        signed: (models, parts): what each adds to the emotion's logit in the mean; scales have no sign.
        shares: (models, parts): the share of each in all that is added or taken; scales: mean channel weights.
    """

    names: tuple[str, ...]
    signed: Shares
    shares: Shares

    @property
    def agreement(self) -> float | None:
        """Return the mean rank correlation, signs included, between every two models; None where it has no meaning.

        That is for one model, fewer than three parts, or a model to which all parts are alike.
        """
        count, parts = self.signed.shape
        if count < 2 or parts < 3 or (np.ptp(self.signed, axis=1) == 0).any():
            return None
        matrix = np.corrcoef(rankdata(self.signed, axis=1))
        return float((np.sum(matrix) - count) / (count * (count - 1)))  # all but the ones of the diagonal

    @property
    def changes_with_the_seed(self) -> bool:
        """Whether models of the same kind disagree about which parts matter most."""
        agreement = self.agreement
        return agreement is not None and agreement < AGREEMENT


def profiles(
    explained: Mapping[str, Sequence[Sequence[Explanation]]],
) -> dict[str, dict[str, Profile]]:
    """Return for each emotion and each of ``KINDS`` the profile over models.

    Args:
        explained: for each emotion, for each model, explanations of that emotion; none empty.
    """
    return {
        emotion: {kind: _profile(models, kind) for kind in KINDS if _has(models[0][0], kind)}
        for emotion, models in explained.items()
    }


def _has(explanation: Explanation, kind: str) -> bool:
    return kind != "scales" or bool(explanation.inside.scale_spans)


def _profile(models: Sequence[Sequence[Explanation]], kind: str) -> Profile:
    values = [np.stack([_values(explanation, kind) for explanation in model]) for model in models]
    signed = np.stack([value.mean(axis=0) for value in values])
    if kind == "scales":
        return Profile(_names(models[0][0], kind), signed, signed)
    strengths = np.stack([np.abs(value).mean(axis=0) for value in values])
    totals = strengths.sum(axis=1, keepdims=True)
    shares = np.divide(strengths, totals, out=np.zeros_like(strengths), where=totals > 0)
    return Profile(_names(models[0][0], kind), signed, shares)


def _values(explanation: Explanation, kind: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if kind == "bands":
        return np.asarray(explanation.by_band().double().numpy())
    if kind == "descriptors":
        return np.array(list(explanation.by_descriptor().values()))
    return np.asarray(explanation.inside.scale_weights.double().numpy())


def _names(explanation: Explanation, kind: str) -> tuple[str, ...]:
    if kind == "bands":
        hertz = explanation.hertz
        return tuple(f"{low:,.0f} to {high:,.0f} Hz" for low, high in pairwise(hertz))
    if kind == "descriptors":
        return tuple(name.replace("_", " ") for name in explanation.players.descriptors)
    return tuple(
        f"{span} frames ({1000 * explanation.frame_seconds * span:.0f} ms)"
        for span in explanation.inside.scale_spans
    )
