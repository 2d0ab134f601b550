"""What every recognizer returns for one utterance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """The emotion of one utterance.

    Args:
        label: the most probable emotion.
        probabilities: probability by emotion name, in the label set's order; they sum to 1.
        duration: length of the utterance in seconds.
    """

    label: str
    probabilities: Mapping[str, float]
    duration: float

    @property
    def confidence(self) -> float:
        """Probability of the label, between 0 and 1."""
        return self.probabilities[self.label]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"label": self.label, "probabilities": dict(self.probabilities), "duration": self.duration}
