"""Explaining a corpus: what matters emotion by emotion, whether the models of other folds and seeds agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from magtfnet.corpora import Corpus, Utterance
from magtfnet.errors import BundleError, ExplainError, LabelError, MagtfnetError
from magtfnet.experiments.scoring import recording_of
from magtfnet.explain.embeddings import Vectors, explained_share, neighbourhoods
from magtfnet.explain.explanation import Explanation
from magtfnet.explain.inside import fused_vectors
from magtfnet.explain.profile import Profile, profiles
from magtfnet.features import FeatureStore
from magtfnet.features.store import default_cache
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import EmotionRecognizer

BATCH = 16


@dataclass(frozen=True)
class CorpusExplanation:
    """What matters to models of one kind over a corpus.

    Args:
        profiles: for each emotion: bands, descriptors, scales.
        vectors: (utterances, 2), the neighbourhoods of the first model's fused vectors.
        groups: of each utterance: emotion, speaker and, where known, sex.
        shares: of each grouping, for each model: the share of variance that a linear probe finds.
    """

    profiles: dict[str, dict[str, Profile]]
    vectors: Vectors
    groups: dict[str, list[str]]
    shares: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: for each emotion and kind of part the shares of every model and their agreement."""
        return {
            "emotions": {
                emotion: {
                    kind: {
                        "parts": list(profile.names),
                        "shares": profile.shares.tolist(),
                        "signed": profile.signed.tolist(),
                        "agreement": profile.agreement,
                        "changes_with_the_seed": profile.changes_with_the_seed,
                    }
                    for kind, profile in parts.items()
                }
                for emotion, parts in self.profiles.items()
            },
            "variance_shares": self.shares,
        }


def find_bundles(path: Path) -> dict[str, Path]:
    """Return the bundles of a run directory by the runs' names, or a bundle itself.

    Raises:
        BundleError: neither.
    """
    if (path / "bundle.json").exists():
        return {path.name: path}
    if (path / "bundle").is_dir():
        return {path.name: path / "bundle"}
    found = {folder.parent.name: folder for folder in sorted(path.glob("*/bundle")) if folder.is_dir()}
    if not found:
        raise BundleError(f"{path}: no bundle and no run directory with bundles; name one of them")
    return found


def explain_corpus(
    recognizers: Sequence[EmotionRecognizer],
    corpus: Corpus,
    *,
    per_emotion: int = 5,
    method: str = "integrated_gradients",
    cache: Path | None = None,
    progress: Progress = silent,
) -> CorpusExplanation:
    """Explain some recordings of each emotion with every model, and look at the fused vectors of all.

    Args:
        recognizers: of one kind of model, such as the folds and seeds of a protocol.
        corpus: utterances with their emotions.
        per_emotion: recordings explained of each emotion, drawn by lot with seed 0; each model gets the same.
        method: see ``magtfnet.explain.METHODS``.
        cache: where features are kept; ``default_cache()`` where not given.
        progress: told each explanation.

    Raises:
        LabelError: the models know not one emotion of the corpus.
        AudioError: a recording that cannot be used.
        ExplainError: the models are not of one kind, or a recording cannot be explained.
    """
    _refuse_other_kinds(recognizers)
    labels = recognizers[0].labels
    known = [utterance for utterance in corpus if utterance.emotion in labels]
    if not known:
        raise LabelError(
            f"the models know {', '.join(labels.classes)} and {corpus.name} has none of them; use another corpus"
        )
    chosen = _drawn(known, per_emotion)
    total = len(recognizers) * sum(map(len, chosen.values()))
    explained: dict[str, list[list[Explanation]]] = {emotion: [] for emotion in chosen}
    done = 0
    for recognizer in recognizers:
        for emotion, utterances in chosen.items():
            label = labels.classes[labels.index(emotion)]
            explained[emotion].append([])
            for utterance in utterances:
                waveform = utterance.read()
                try:
                    explanation = recognizer.explain(waveform, label=label, method=method)
                except MagtfnetError as error:
                    raise ExplainError(f"{utterance.path}: {error}") from error
                explained[emotion][-1].append(explanation)
                done += 1
                progress("explanations", done, total)
    groups = _groups(known)
    vectors = [_fused(recognizer, known, cache) for recognizer in recognizers]
    shares = {name: [explained_share(some, group) for some in vectors] for name, group in groups.items()}
    return CorpusExplanation(profiles(explained), neighbourhoods(vectors[0]), groups, shares)


def _refuse_other_kinds(recognizers: Sequence[EmotionRecognizer]) -> None:
    kinds = [
        (one.labels.classes, one.bundle.features, one.bundle.audio, one.bundle.model_config)
        for one in recognizers
    ]
    if any(kind != kinds[0] for kind in kinds):
        raise ExplainError(
            "the bundles differ in labels, front end or model; compare folds and seeds of one experiment"
        )


def _drawn(utterances: Sequence[Utterance], per_emotion: int) -> dict[str, list[Utterance]]:
    generator = np.random.default_rng(0)
    by_emotion: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_emotion.setdefault(str(utterance.emotion), []).append(utterance)
    return {
        emotion: [some[i] for i in sorted(generator.permutation(len(some))[:per_emotion])]
        for emotion, some in sorted(by_emotion.items())
    }


def _groups(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """Return the groupings that are known of every utterance."""
    candidates: Mapping[str, list[str | None]] = {
        "emotion": [str(utterance.emotion) for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "sex": [utterance.sex for utterance in utterances],
    }
    return {
        name: [str(value) for value in values]
        for name, values in candidates.items()
        if all(value is not None for value in values)
    }


def _fused(recognizer: EmotionRecognizer, utterances: Sequence[Utterance], cache: Path | None) -> Vectors:
    bundle = recognizer.bundle
    store = FeatureStore(cache or default_cache(), bundle.audio, bundle.features)
    recordings = [recording_of(utterance) for utterance in utterances]
    store.extract(recordings)
    batches = [recordings[i : i + BATCH] for i in range(0, len(recordings), BATCH)]
    vectors = [
        fused_vectors(bundle.model, bundle.standardizer(store.batch(batch))).double().numpy()
        for batch in batches
    ]
    return np.concatenate(vectors)
