"""The card of a model that ships: what it is, how others like it scored, what it is not for. Markdown."""

from collections.abc import Sequence

import jinja2

from magtfnet.corpora import Corpus
from magtfnet.evaluation.calibration import (
    COVERAGES,
    answered_from,
    coverage_curve,
    expected_calibration_error,
)
from magtfnet.evaluation.wording import percent, percent_range
from magtfnet.experiments.past_results import PastResults
from magtfnet.models.cost import count_parameters
from magtfnet.prediction import UNSURE_BELOW
from magtfnet.recognizer.bundle import Bundle

SPEAKERS_APART = ("leave_one_speaker_out", "speaker_independent_k_fold", "speaker_and_sentence_independent")
"""Protocols that keep them apart, also where they leave utterances of a tested speaker out of every part."""
ENVIRONMENT = jinja2.Environment(  # Markdown: nothing in it is a page's markup
    loader=jinja2.PackageLoader("magtfnet.experiments"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,
)


def shipped_card(bundle: Bundle, corpus: Corpus, results: Sequence[PastResults], digest: str) -> str:
    """Return the card.

    Args:
        bundle: the model, without its card and graph.
        corpus: what it was trained on.
        results: of the protocols that were run with the same recipe.
        digest: SHA-256 of the values of the model's tensors.
    """
    return ENVIRONMENT.get_template("shipped_card.md").render(
        model=bundle.model_config.name,
        corpus=corpus.info,
        parameters=count_parameters(bundle.model),
        classes=", ".join(bundle.labels.classes),
        names=bundle.labels.classes,
        facts=bundle.provenance,
        solved=bundle.model.solved,
        epochs=sorted(epoch for result in results for epoch in result.best_epochs),
        rows=[_scores(result, corpus) for result in results],
        recalls=[_recalls(result) for result in results],
        least=bundle.unsure_below,
        beforehand=bundle.unsure_below == UNSURE_BELOW,
        sureness=[_sureness(result, bundle.unsure_below) for result in results],
        coverages=[percent(coverage) for coverage in COVERAGES],
        curves=[_curve(result) for result in results],
        digest=digest,
    )


def _scores(result: PastResults, corpus: Corpus) -> list[str]:
    pooled = result.reports.pooled
    unit = "speakers" if "WA_over_speakers" in pooled.intervals else "utterances"
    return [
        result.protocol,
        str(len(result.reports.runs)),
        _tested_speakers(result, corpus),
        percent(pooled.weighted_accuracy),
        percent_range(pooled.intervals.get(f"WA_over_{unit}")),
        percent(pooled.unweighted_accuracy),
        percent_range(pooled.intervals.get(f"UA_over_{unit}")),
        unit,
    ]


def _tested_speakers(result: PastResults, corpus: Corpus) -> str:
    """Say whether who was tested was heard in training.

    Some protocols keep speakers apart. Of others, and of folds from a file, the predictions tell: those speakers are
    new of whom no utterance lies outside the test part.
    """
    if result.config.protocol.name in SPEAKERS_APART:
        return "new"
    everyone = {utterance.id: utterance.speaker for utterance in corpus}
    if None in everyone.values():
        return "not known"
    for report in result.reports.runs.values():
        tested = {row.id for row in report.rows}
        if {everyone[id] for id in tested} & {
            speaker for id, speaker in everyone.items() if id not in tested
        }:
            return "known from training"
    return "new"


def _sureness(result: PastResults, least: float) -> list[str]:
    """Return the calibration error, what it was before the temperature, and what the threshold answers."""
    before = result.before_temperature
    answered = answered_from(result.reports.pooled, least)
    return [
        result.protocol,
        percent(expected_calibration_error(result.reports.pooled)),
        "no temperature" if before is None else percent(expected_calibration_error(before)),
        percent(answered.coverage),
        percent(answered.accuracy),
    ]


def _curve(result: PastResults) -> list[str]:
    """Return, for each coverage, how many of the surest answers are right, and the threshold."""
    curve = coverage_curve(result.reports.pooled)
    cells = [f"{percent(point.accuracy)} ({point.threshold:.2f})" for point in curve]
    return [result.protocol, *cells]


def _recalls(result: PastResults) -> list[str]:
    recall = result.reports.pooled.per_class.recall
    return [result.protocol, *(percent(recall[k]) for k in range(len(recall)))]
