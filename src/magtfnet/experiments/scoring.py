"""Scoring a model on utterances whose emotions are known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from magtfnet.corpora import Corpus, Utterance
from magtfnet.errors import LabelError
from magtfnet.evaluation import EvaluationReport, ScoredUtterance
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.features import FeatureStore
from magtfnet.features.store import Recording, default_cache
from magtfnet.labels import LabelSet
from magtfnet.progress import Progress, silent
from magtfnet.recognizer import Bundle, EmotionRecognizer
from magtfnet.writing import whole_folder

BATCH = 16


@dataclass(frozen=True)
class Evaluation:
    """The scores of a bundle on a corpus.

    Args:
        report: of the utterances whose emotion the bundle knows.
        unknown: emotions that it does not know, with their numbers of utterances; these were not scored.
    """

    report: EvaluationReport
    unknown: dict[str, int]


def evaluate(
    bundle: Bundle | str | Path, corpus: Corpus | Iterable[Utterance], *, cache: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:  # fmt: skip
    """Score a bundle on any corpus whose emotions overlap with its own.

    Args:
        bundle: a bundle, or where it lies.
        corpus: utterances with their emotions.
        cache: where features are kept; ``default_cache()`` where not given.
        progress: told how far the features are.

    Raises:
        BundleError: the bundle cannot be read.
        LabelError: not one emotion is common to both.
        AudioError: a recording that cannot be used.
    """
    bundle = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    utterances = list(corpus)
    known = [utterance for utterance in utterances if utterance.emotion in bundle.labels]
    unknown = Counter(utterance.emotion for utterance in utterances if utterance.emotion not in bundle.labels)
    if not known:
        raise LabelError(
            f"the corpus has {', '.join(sorted(unknown)) or 'no utterance'} and the bundle knows "
            f"{', '.join(bundle.labels.classes)}; use a corpus or a bundle with a common emotion"
        )
    store = FeatureStore(cache or default_cache(), bundle.audio, bundle.features)
    store.extract([recording_of(utterance) for utterance in known], progress)
    return Evaluation(score(EmotionRecognizer(bundle), store, known), dict(sorted(unknown.items())))


def score(
    recognizer: EmotionRecognizer, store: FeatureStore, utterances: Sequence[Utterance], run: str = ""
) -> EvaluationReport:
    """Return the report of utterances whose features the store holds, in their order."""
    recordings = [recording_of(utterance) for utterance in utterances]
    by_length = np.argsort([store.length(recording) for recording in recordings], kind="stable").tolist()
    probabilities: dict[int, tuple[float, ...]] = {}
    for start in range(0, len(by_length), BATCH):
        indices = by_length[start : start + BATCH]
        batch = recognizer.probabilities(store.batch([recordings[i] for i in indices])).tolist()
        probabilities.update(zip(indices, map(tuple, batch), strict=True))
    in_order = [probabilities[i] for i in range(len(utterances))]
    return report_of(utterances, in_order, recognizer.labels, run)


def report_of(
    utterances: Sequence[Utterance], probabilities: Sequence[tuple[float, ...]], labels: LabelSet, run: str
) -> EvaluationReport:
    """Return the report of utterances by the probabilities of each."""
    rows = tuple(
        ScoredUtterance(
            utterance.id,
            utterance.speaker,
            labels.classes[labels.index(utterance.emotion)],
            labels.classes[int(np.argmax(said))],
            said,
            run,
        )
        for utterance, said in zip(utterances, probabilities, strict=True)
    )
    return EvaluationReport(labels.classes, rows)


def recording_of(utterance: Utterance) -> Recording:
    """Return what the feature store needs of an utterance."""
    return Recording(utterance.path, utterance.start, utterance.end)


OWN_DATA = ("folder", "table")
"""The names that all have whose recordings are their own, whatever these are."""


def heard_before(bundle: Bundle, corpus: Corpus) -> str | None:
    """Return the warning that a score of a bundle on its own corpus needs, None where it needs none."""
    learnt_part = bundle.provenance.get("part")
    apart = learnt_part is not None and corpus.part is not None and learnt_part != corpus.part
    if bundle.provenance.get("corpus") != corpus.name or apart:
        return None
    are = "may be" if corpus.name in OWN_DATA else "are"
    return f"this bundle was trained on {corpus.name}; utterances that it was trained on {are} among those scored"


def write_evaluation(out: Path, bundle: Bundle, corpus: Corpus, result: Evaluation) -> None:
    """Write ``predictions.csv``, ``metrics.json`` and ``report.html`` of an evaluation to a new folder."""
    facts = {
        "bundle": f"{bundle.model_config.name}, trained on {bundle.provenance.get('corpus', 'a corpus not named')}",
        "corpus": corpus.summary,
        "not scored": ", ".join(f"{count} of {name}" for name, count in result.unknown.items()) or "none",
    }
    if note := heard_before(bundle, corpus):
        facts["note"] = note
    page = report_page(f"{bundle.model_config.name} on {corpus.name}", facts, {corpus.name: result.report})
    with whole_folder(out) as folder:
        directory = RunDirectory(folder)
        result.report.save_predictions(folder / "predictions.csv")
        directory.write_text("report.html", page)
        directory.write_metrics({**result.report.to_dict(), "unknown_emotions": result.unknown})
