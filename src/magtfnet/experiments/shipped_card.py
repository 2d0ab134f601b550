"""The card of a model that ships: what it is, how others like it scored, what it is not for. Markdown."""

from collections.abc import Sequence

import jinja2

from magtfnet.corpora import CorpusInfo
from magtfnet.evaluation.calibration import (
    COVERAGES,
    answered_from,
    coverage_curve,
    expected_calibration_error,
)
from magtfnet.evaluation.wording import percent, percent_range
from magtfnet.experiments.past_results import PastResults
from magtfnet.recognizer.bundle import Bundle

SHARED = "speaker_dependent"
"""The protocols whose names begin so test speakers who were in training."""
ENVIRONMENT = jinja2.Environment(  # Markdown: nothing in it is a page's markup
    loader=jinja2.PackageLoader("magtfnet.experiments"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,
)


def shipped_card(bundle: Bundle, corpus: CorpusInfo, results: Sequence[PastResults], digest: str) -> str:
    """Return the card.

    Args:
        bundle: the model, without its card and graph.
        corpus: what it was trained on.
        results: of the protocols that were run with the same recipe.
        digest: SHA-256 of the weights.
    """
    return ENVIRONMENT.get_template("shipped_card.md").render(
        model=bundle.model_config.name,
        corpus=corpus,
        parameters=sum(parameter.numel() for parameter in bundle.model.parameters()),
        classes=", ".join(bundle.labels.classes),
        names=bundle.labels.classes,
        facts=bundle.provenance,
        solved=bundle.model.solved,
        epochs=sorted(epoch for result in results for epoch in result.best_epochs),
        rows=[_scores(result) for result in results],
        recalls=[_recalls(result) for result in results],
        least=f"{bundle.unsure_below:.2f}",
        sureness=[_sureness(result, bundle.unsure_below) for result in results],
        coverages=[percent(coverage) for coverage in COVERAGES],
        curves=[_curve(result) for result in results],
        digest=digest,
    )


def _scores(result: PastResults) -> list[str]:
    pooled = result.reports.pooled
    name = result.config.protocol.name
    wa = pooled.intervals.get("WA_over_speakers") or pooled.intervals.get("WA_wilson")
    ua = pooled.intervals.get("UA_over_speakers") or pooled.intervals.get("UA_over_utterances")
    return [
        name,
        str(len(result.reports.runs)),
        "known from training" if name.startswith(SHARED) else "new",
        percent(pooled.weighted_accuracy),
        percent_range(wa),
        percent(pooled.unweighted_accuracy),
        percent_range(ua),
    ]


def _sureness(result: PastResults, least: float) -> list[str]:
    """Return the calibration error, what it was before the temperature, and what the threshold answers."""
    before = result.before_temperature
    answered = answered_from(result.reports.pooled, least)
    return [
        result.config.protocol.name,
        percent(expected_calibration_error(result.reports.pooled)),
        "no temperature" if before is None else percent(expected_calibration_error(before)),
        percent(answered.coverage),
        percent(answered.accuracy),
    ]


def _curve(result: PastResults) -> list[str]:
    """Return, for each coverage, how many of the surest answers are right, and the threshold."""
    curve = coverage_curve(result.reports.pooled)
    cells = [f"{percent(point.accuracy)} ({point.threshold:.2f})" for point in curve]
    return [result.config.protocol.name, *cells]


def _recalls(result: PastResults) -> list[str]:
    recall = result.reports.pooled.per_class.recall
    return [result.config.protocol.name, *(percent(recall[k]) for k in range(len(recall)))]
