"""Sharing out groups of utterances among parts so that each part has its share of every class.

One mechanism serves every protocol: the groups are speakers, sentences, sessions or single recordings, and
the parts are folds of equal shares, or training, validation and test.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from magtfnet.corpora.base import Utterance
from magtfnet.errors import SplitError

Group = tuple[Utterance, ...]
Key = Callable[[Utterance], str | None]


def group_by(utterances: Sequence[Utterance], keys: Iterable[Key]) -> list[Group]:
    """Return the smallest groups such that utterances that agree in any key (None agrees with nothing) are together.

    Groups and their members keep the order of ``utterances``.
    """
    leader = list(range(len(utterances)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for key in keys:
        first: dict[str, int] = {}
        for i, utterance in enumerate(utterances):
            value = key(utterance)
            if value is not None:
                a, b = find(first.setdefault(value, i)), find(i)
                leader[max(a, b)] = min(a, b)
    groups: dict[int, list[Utterance]] = {}
    for i, utterance in enumerate(utterances):
        groups.setdefault(find(i), []).append(utterance)
    return [tuple(group) for group in groups.values()]


def share_out(
    groups: Sequence[Group], shares: Sequence[float], seed: int, least: int = 1
) -> list[list[Utterance]]:
    """Return one list of utterances per share: whole groups, with each class near its share in every part.

    Groups go, the largest first and in seeded random order among equals, to the part that lacks most of what
    they hold. Every part has ``least`` groups, and where groups are of one class every part gets that class.

    Args:
        groups: utterances that must stay together.
        shares: positive, summing to 1.
        seed: decides among equals.
        least: how many groups every part gets at the least.

    Raises:
        SplitError: there are fewer groups than that.
    """
    if len(groups) < least * len(shares):
        raise SplitError(
            f"{len(groups)} groups cannot be shared out among {len(shares)} parts; use fewer folds or another protocol"
        )
    classes = sorted({utterance.emotion for group in groups for utterance in group})
    counts = np.array([_class_counts(group, classes) for group in groups], dtype=np.float64)  # (groups, K)
    totals = counts.sum(axis=0)
    deficit = np.outer(np.asarray(shares, dtype=np.float64), totals)  # (parts, K): what each part still lacks
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    # A class whose groups hold nothing else can be promised to every part.
    pure = [int(row.argmax()) if np.count_nonzero(row) == 1 else -1 for row in counts]
    pure_left = Counter(pure)
    held = np.zeros_like(deficit)
    missing = np.full(len(shares), least)
    parts: list[list[Utterance]] = [[] for _ in shares]
    for done, g in enumerate(order):
        open_parts = _parts_in_need(
            missing, len(order) - done, held[:, pure[g]], pure_left[pure[g]] if pure[g] >= 0 else None
        )
        # Rare classes count as much as frequent ones; the overall size decides between equals.
        need = (deficit[open_parts] / totals) @ counts[g] + 1e-6 * deficit[open_parts].sum(axis=1)
        chosen = int(open_parts[int(need.argmax())])
        deficit[chosen] -= counts[g]
        held[chosen] += counts[g]
        missing[chosen] = max(0, missing[chosen] - 1)
        pure_left[pure[g]] -= 1
        parts[chosen].extend(groups[g])
    return parts


def _class_counts(group: Group, classes: Sequence[str]) -> list[int]:
    count = Counter(utterance.emotion for utterance in group)
    return [count[emotion] for emotion in classes]


def _parts_in_need(
    missing: npt.NDArray[np.int64], groups_left: int, held: npt.NDArray[np.float64], same_left: int | None
) -> npt.NDArray[np.intp]:
    """Return the parts that may take the next group: only those in need, once the groups left just suffice for them.

    Args:
        missing: how many groups each part still must get.
        groups_left: how many are left, the next one included.
        held: what each part holds of the next group's class.
        same_left: how many groups of that class alone are left; None where the next group has several
            classes.
    """
    if missing.sum() >= groups_left:
        return np.flatnonzero(missing)
    if same_left is not None:
        without = np.flatnonzero(held == 0)
        if len(without) > 0 and len(without) >= same_left:
            return without
    return np.arange(len(missing))
