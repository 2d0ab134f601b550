"""What every recognizer returns for one utterance."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from magtfnet.errors import ConfigError

UNSURE_BELOW = 0.5
"""The threshold of models that ship: below it all other emotions together are more probable than the one told."""
NOT_SURE = "not sure"
"""What stands behind an answer below the threshold, wherever answers are read by a person."""


def threshold(value: float) -> float:
    """Return a probability below which an answer is "not sure".

    Raises:
        ConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
        raise ConfigError(f"unsure_below is {value!r}, expected a probability; give a number from 0 to 1")
    return float(value)


@dataclass(frozen=True)
class Prediction:
    """The emotion of one utterance.

    Args:
        label: the most probable emotion.
        probabilities: probability by emotion name, in the label set's order; they sum to 1.
        duration: length of the utterance in seconds.
        unsure_below: the least probability of an answer that the model stands by.
    """

    label: str
    probabilities: Mapping[str, float]
    duration: float
    unsure_below: float = 0.0

    @property
    def confidence(self) -> float:
        """Probability of the label, between 0 and 1."""
        return self.probabilities[self.label]

    @property
    def sure(self) -> bool:
        """Whether the label's probability reaches the threshold; else the answer is "not sure"."""
        return self.confidence >= self.unsure_below

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "label": self.label,
            "sure": self.sure,
            "probabilities": dict(self.probabilities),
            "duration": self.duration,
        }
