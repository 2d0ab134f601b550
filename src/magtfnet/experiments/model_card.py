"""The model card: what a bundle is, how it scored, what it is not for. Markdown, made from the same numbers."""

from collections.abc import Mapping
from typing import Any

from magtfnet.corpora import CorpusInfo, Split
from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.calibration import coverage_curve, expected_calibration_error
from magtfnet.evaluation.wording import percent, percent_range


def model_card(
    model: str,
    parameters: int,
    corpus: CorpusInfo,
    split: Split,
    report: EvaluationReport,
    facts: Mapping[str, Any],
) -> str:
    """Return the card of one trained model.

    Args:
        model: registered name.
        parameters: number of trainable parameters.
        corpus: what it was trained on.
        split: who was trained on and tested.
        report: scores on the test part.
        facts: seed, epoch and the like, as they shall read.
    """
    unit = "speakers" if "UA_over_speakers" in report.intervals else "utterances"
    lines = [
        f"# {model} on {corpus.title}",
        "",
        f"{parameters:,} parameters; classes: {', '.join(report.classes)}.",
        "",
        f"| score on the test part | % | 95 % interval, over {unit} |",
        "|---|---|---|",
        f"| WA | {percent(report.weighted_accuracy)} | {percent_range(report.intervals.get(f'WA_over_{unit}'))} |",
        f"| UA | {percent(report.unweighted_accuracy)} | {percent_range(report.intervals.get(f'UA_over_{unit}'))} |",
        f"| macro-F1 | {percent(report.per_class.macro_f1)} | |",
        "",
        *_confidence(report),
        "",
        f"{split.describe()}. {' '.join(_overlap(split, key) for key in ('speaker', 'sentence'))}",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        f"- corpus: {corpus.name}, language {corpus.language or 'not stated'}, licence {corpus.licence}",
        f"- citation of the corpus: {corpus.citation or 'none stated'}",
        "",
        "Trained on one corpus: other languages, microphones and ways to show a feeling will score lower.",
        "Not for decisions about a person: an expression that sounds like an emotion is not the emotion.",
        "",
    ]
    return "\n".join(lines)


def _confidence(report: EvaluationReport) -> list[str]:
    """Say how far to trust the probabilities."""
    error = percent(expected_calibration_error(report))
    rows = coverage_curve(report)
    return [
        f"Its probabilities are off by {error} % in the mean (expected calibration error, 15 bins). Where only those",
        'of at least a threshold count as answers, the others being "not sure":',
        "",
        "| least probability | answered, % | WA of these, % |",
        "|---|---|---|",
        *(f"| {row.threshold:.3f} | {percent(row.coverage)} | {percent(row.accuracy)} |" for row in rows),
    ]


def _overlap(split: Split, key: str) -> str:
    """Say whether the tested speakers (or sentences) were in training."""
    sides = [{getattr(utterance, key) for utterance in part} for part in (split.train, split.test)]
    if None in sides[0] | sides[1]:
        return f"Its {key}s are not known: nobody can say whether the test part shares them with training."
    if sides[0] & sides[1]:
        return f"The test part shares {key}s with training: the scores say nothing about new {key}s."
    return f"No tested {key} was in training."
