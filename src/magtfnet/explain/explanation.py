"""An explanation: one recording, one model, one emotion; players, what each adds, and what happened inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from magtfnet.audio import Waveform
from magtfnet.errors import ExplainError
from magtfnet.explain.attribution import LONGEST, METHODS, SHAPLEY_LONGEST, Attribution, Game, attribute
from magtfnet.explain.inside import Inside, look_inside
from magtfnet.explain.players import Players, find_players
from magtfnet.features import FeatureBatch, FrontEnd, Standardizer
from magtfnet.features.log_mel import mel_edges
from magtfnet.labels import LabelSet
from magtfnet.models import Model


@dataclass(frozen=True)
class Explanation:
    """Why a model gives a recording the emotion it gives.

    Args:
        label: the emotion explained.
        probabilities: of every emotion, for the recording as it is explained.
        waveform: what was explained, mono.
        starts: where it begins in the recording as it was given, in seconds.
        frame_seconds: from one frame to the next.
        features: of it, not standardised.
        standardized: the same, as the model takes them.
        functional_names: of the functionals, in their order.
        players: pieces of time, bands, descriptors.
        hertz: (bands + 1,), where each group of mel bands begins, and where the last one ends.
        attribution: what each adds to the label's logit.
        inside: what happened in the model.
        notes: what a reader must know: what was left out or done otherwise than asked, and why.
    """

    label: str
    probabilities: dict[str, float]
    waveform: Waveform
    starts: float
    frame_seconds: float
    features: FeatureBatch
    standardized: FeatureBatch
    functional_names: tuple[str, ...]
    players: Players
    hertz: tuple[float, ...]
    attribution: Attribution
    inside: Inside
    notes: tuple[str, ...] = ()

    @property
    def deviations(self) -> Tensor:
        """Return (descriptors,): how many deviations each descriptor's mean lies above that of the training part.

        Not a number where the front end takes no means.
        """
        return self._means(self.standardized)

    @property
    def means(self) -> Tensor:
        """Return (descriptors,): the mean of each descriptor in its unit; not a number where none is taken."""
        return self._means(self.features)

    def _means(self, features: FeatureBatch) -> Tensor:
        values = dict(zip(self.functional_names, features.functionals[0].tolist(), strict=True))
        return torch.tensor([values.get(f"{name}_mean", torch.nan) for name in self.players.descriptors])

    def game(self, model: Model) -> Game:
        """Return the logit explained as a function of who is present, for this model or another of its kind."""
        return Game(model, self.standardized, self.players, list(self.probabilities).index(self.label))

    @property
    def seconds(self) -> tuple[float, ...]:
        """Where each piece of time begins, and where the last one ends, in the recording as it was given."""
        step = self.waveform.duration / int(self.features.lengths[0])
        return tuple(round(self.starts + step * edge, 4) for edge in self.players.edges)

    def by_piece(self) -> Tensor:
        """Return what each piece of time adds, all bands together, (pieces,)."""
        return self.players.cells(self.attribution.values).sum(dim=1)

    def by_band(self) -> Tensor:
        """Return what each band adds, all pieces together, (bands,)."""
        return self.players.cells(self.attribution.values).sum(dim=0)

    def by_descriptor(self) -> dict[str, float]:
        """Return what each low-level descriptor adds."""
        values = self.attribution.values[self.players.num_cells :].tolist()
        return dict(zip(self.players.descriptors, values, strict=True))

    def _errors(self) -> dict[str, Any] | None:
        """Return the standard errors of cells and descriptors; None where nothing was drawn."""
        errors = self.attribution.errors
        if errors is None:
            return None
        of_descriptors = errors[self.players.num_cells :].tolist()
        return {
            "cells": self.players.cells(errors).tolist(),
            "descriptors": dict(zip(self.players.descriptors, of_descriptors, strict=True)),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: seconds, Hz, logits."""
        return {
            "label": self.label,
            "probabilities": self.probabilities,
            "method": self.attribution.method,
            "logit": self.attribution.logit,
            "baseline_logit": self.attribution.baseline,
            "seconds": list(self.seconds),
            "hertz": list(self.hertz),
            "cells": self.players.cells(self.attribution.values).tolist(),
            "descriptors": self.by_descriptor(),
            "sampling_errors": self._errors(),
            "scales": dict(
                zip(map(str, self.inside.scale_spans), self.inside.scale_weights.tolist(), strict=True)
            ),
            "notes": list(self.notes),
        }


def explain(
    model: Model,
    standardizer: Standardizer,
    front_end: FrontEnd,
    labels: LabelSet,
    waveform: Waveform,
    *,
    starts: float = 0.0,
    label: str | None = None,
    method: str = "shapley",
    notes: Sequence[str] = (),
) -> Explanation:
    """Explain one recording.

    Args:
        model: in evaluation mode.
        standardizer: fitted.
        front_end: computes what ``standardizer`` takes.
        labels: classes in the order of the logits.
        waveform: mono, at the front end's rate.
        starts: where it begins in the recording that it is a part of, in seconds.
        label: the emotion explained; the one that the model gives where not said.
        method: one of ``METHODS``.
        notes: what a reader must know beside it.

    Raises:
        ExplainError: an unknown method or emotion, or a recording too long to be explained.
    """
    if method not in METHODS:
        raise ExplainError(f"unknown method '{method}', expected one of {', '.join(METHODS)}")
    if label is not None and label not in labels.classes:
        raise ExplainError(f"unknown emotion '{label}', expected one of {', '.join(labels.classes)}")
    frame_seconds = front_end.config.stft.hop_length / front_end.sample_rate
    if waveform.duration / frame_seconds > LONGEST:
        raise ExplainError(
            f"{waveform.duration:.0f} s are too long to be explained; "
            f"give a part of at most {LONGEST * frame_seconds:.0f} s"
        )
    features = front_end.extract(waveform)
    standardized = standardizer(features)
    standardized = FeatureBatch(*(tensor.clone() for tensor in vars(standardized).values()))
    with torch.no_grad():
        logits = model(**standardized.inputs(model.inputs))[0]
    probabilities = dict(zip(labels.classes, logits.double().softmax(dim=-1).tolist(), strict=True))
    label = label or max(probabilities, key=lambda name: probabilities[name])
    players = find_players(features, front_end)
    said = list(notes)
    if method == "shapley" and int(features.lengths[0]) > SHAPLEY_LONGEST:
        said.append(
            f"{waveform.duration:.0f} s are too long for Shapley values, which stop at "
            f"{SHAPLEY_LONGEST * frame_seconds:.0f} s: integrated gradients instead."
        )
        method = "integrated_gradients"
    attribution = attribute(Game(model, standardized, players, labels.classes.index(label)), method)
    return Explanation(
        label,
        probabilities,
        waveform,
        starts,
        frame_seconds,
        features,
        standardized,
        front_end.functional_names,
        players,
        _hertz(front_end, players),
        attribution,
        look_inside(model, standardized),
        tuple(said),
    )


def _hertz(front_end: FrontEnd, players: Players) -> tuple[float, ...]:
    config = front_end.config.log_mel
    edges = mel_edges(config.n_mels, config.f_min, config.f_max)
    centred = [0, *(band for band in players.bands[1:-1]), config.n_mels + 1]
    return tuple(float(edges[band]) for band in centred)
