"""The report as one HTML file that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from magtfnet.evaluation.aggregate import AggregateReport
from magtfnet.evaluation.calibration import coverage_curve, expected_calibration_error
from magtfnet.evaluation.figures import confusion_figure, learning_curve
from magtfnet.evaluation.report import EvaluationReport
from magtfnet.evaluation.wording import percent, percent_range, plus_minus

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("magtfnet.evaluation"), autoescape=True, undefined=jinja2.StrictUndefined
)
HOW = {
    "WA_wilson": ("WA", "Wilson, utterances taken as independent"),
    "WA_over_utterances": ("WA", "bootstrap over utterances"),
    "WA_over_speakers": ("WA", "bootstrap over speakers"),
    "UA_over_utterances": ("UA", "bootstrap over utterances"),
    "UA_over_speakers": ("UA", "bootstrap over speakers"),
}

ENOUGH_SPEAKERS = 10
"""For the bootstrap over them to be nearly as wide as it says."""


def report_page(
    title: str,
    facts: Mapping[str, str],
    runs: Mapping[str, EvaluationReport],
    history: Sequence[Mapping[str, float]] = (),
) -> str:
    """Return the HTML of one run, or of several together.

    Args:
        title: heading.
        facts: what was trained on what, in words.
        runs: reports by the run's name, at least one.
        history: of a single run; its learning curve is drawn.
    """
    together = AggregateReport(runs)
    pooled = together.pooled
    return ENVIRONMENT.get_template("report.html").render(
        title=title,
        facts=facts,
        scores=_scores(together),
        notes=[*notes(together), *_few_speakers(pooled)],
        runs=[
            {
                "name": name,
                "utterances": len(report.rows),
                "wa": percent(report.weighted_accuracy),
                "ua": percent(report.unweighted_accuracy),
                "f1": percent(report.per_class.macro_f1),
            }
            for name, report in runs.items()
        ],
        confusion=confusion_figure(pooled),
        classes=_classes(pooled),
        calibration_error=percent(expected_calibration_error(pooled)),
        coverage=[
            {
                "threshold": f"{answered.threshold:.3f}",
                "coverage": percent(answered.coverage),
                "accuracy": percent(answered.accuracy),
            }
            for answered in coverage_curve(pooled)
        ],
        curve=learning_curve(history) if history else "",
    )


def notes(together: AggregateReport) -> list[str]:
    """Say what a reader must know of the scores: absent classes, utterances tested more than once."""
    said = []
    for name, report in together.runs.items():
        if report.absent:
            kept = len(report.classes) - len(report.absent)
            said.append(
                f"{name}: no test utterance of {', '.join(report.absent)}; "
                f"UA and macro-F1 are means over the {kept} classes that it holds."
            )
    pooled = together.pooled
    tested = len({row.id for row in pooled.rows})
    if tested < len(pooled.rows):
        said.append(
            f"{tested} utterances were tested {len(pooled.rows)} times by different runs; "
            "every prediction counts, and the bootstrap resamples utterances with all of theirs."
        )
    return said


def _few_speakers(report: EvaluationReport) -> list[str]:
    """Say how little the bootstrap over speakers is worth where there are few."""
    speakers = len({row.speaker for row in report.rows} - {None})
    if not 1 < speakers < ENOUGH_SPEAKERS:
        return []
    return [
        f"{speakers} speakers say little of others: the bootstrap over them is too narrow. In simulations its 95 % "
        "held the truth in 59 % with two speakers, 82 % with four, 88 % with six and 91 % with ten."
    ]


def _scores(together: AggregateReport) -> list[dict[str, str]]:
    pooled, rows = together.pooled, []
    if len(together.runs) > 1:
        spreads = {
            "WA": together.weighted_accuracy,
            "UA": together.unweighted_accuracy,
            "macro-F1": together.macro_f1,
        }
        for name, spread in spreads.items():
            rows.append(
                {
                    "name": f"{name}, mean ± standard deviation of {len(together.runs)} runs",
                    "value": plus_minus(spread.values),
                    "interval": percent_range(spread.interval),
                    "how": "Student's t over runs; they share data, so it is too narrow",
                }
            )
    values = {"WA": pooled.weighted_accuracy, "UA": pooled.unweighted_accuracy}
    word = ", all predictions pooled" if len(together.runs) > 1 else ""
    for key, (name, how) in HOW.items():
        if key in pooled.intervals:
            interval = percent_range(pooled.intervals[key])
            rows.append(
                {"name": name + word, "value": percent(values[name]), "interval": interval, "how": how}
            )
    rows.append(
        {"name": "macro-F1" + word, "value": percent(pooled.per_class.macro_f1), "interval": "", "how": ""}
    )
    return rows


def _classes(report: EvaluationReport) -> list[dict[str, Any]]:
    table = report.per_class
    return [
        {
            "name": name,
            "precision": percent(float(table.precision[k])),
            "recall": percent(float(table.recall[k])),
            "f1": percent(float(table.f1[k])),
            "support": int(table.support[k]),
        }
        for k, name in enumerate(report.classes)
    ]
