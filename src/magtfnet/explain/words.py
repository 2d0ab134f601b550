"""An explanation in plain words, made from its numbers."""

from collections.abc import Sequence
from math import isnan

from magtfnet.explain.explanation import Explanation

NOTABLE = 0.1
"""Share of all that is added or taken that a player must have to be named."""
SURE = 2.0
"""Standard errors that a value must be away from none to be named: its sign is not chance."""
FEW = 3
"""How many are named where none has so much."""


def in_words(explanation: Explanation) -> list[str]:
    """Return sentences: what the model says, what speaks for it and against it."""
    ranked = sorted(explanation.probabilities.items(), key=lambda item: -item[1])
    (first, share), *others = ranked
    said = [
        f"The model hears {first} ({100 * share:.0f} %)"
        + (f", next {others[0][0]} ({100 * others[0][1]:.0f} %)." if others else ".")
    ]
    if explanation.label != first:
        said.append(
            f"Explained is {explanation.label} ({100 * explanation.probabilities[explanation.label]:.0f} %)."
        )
    change = explanation.attribution.logit - explanation.attribution.baseline
    said.append(
        f"Beside an average recording, everything in this one together {'adds' if change >= 0 else 'takes'} "
        f"{abs(change):.2f} {'to' if change >= 0 else 'from'} the logit of {explanation.label}."
    )
    named = _named(explanation)
    total = sum(abs(value) for _, value in named) or 1.0
    errors = explanation.attribution.errors
    sure = (
        [True] * len(named)
        if errors is None
        else (explanation.attribution.values.abs() >= SURE * errors).tolist()
    )
    told = [item for item, is_sure in zip(named, sure, strict=True) if is_sure]
    largest = sorted(told, key=lambda item: -abs(item[1]))
    notable = [(name, value) for name, value in largest if abs(value) >= NOTABLE * total] or largest[:FEW]
    for word, sign in (("for", 1), ("against", -1)):
        listed = [f"{name} ({value:+.2f})" for name, value in notable if sign * value > 0]
        if listed:
            said.append(f"What speaks {word} it most: {_joined(listed)}.")
    return [*said, *explanation.notes]


def _named(explanation: Explanation) -> list[tuple[str, float]]:
    cells = explanation.players.cells(explanation.attribution.values)
    seconds, hertz = explanation.seconds, explanation.hertz
    named = [
        (
            f"{hertz[j]:,.0f} to {hertz[j + 1]:,.0f} Hz between {seconds[i]:.2f} and {seconds[i + 1]:.2f} s",
            float(cells[i, j]),
        )
        for i in range(explanation.players.num_pieces)
        for j in range(explanation.players.num_bands)
    ]
    deviations = explanation.deviations.tolist()
    for (name, value), away in zip(explanation.by_descriptor().items(), deviations, strict=True):
        side = "above" if away >= 0 else "below"
        where = "" if isnan(away) else f", {abs(away):.1f} deviations {side} the training mean"
        named.append((f"{name.replace('_', ' ')}{where}", value))
    return named


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{'; '.join(words[:-1])}; and {words[-1]}"
