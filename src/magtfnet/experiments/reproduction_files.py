"""The files of a reproduction beside its runs: the reports, and of each study all predictions and their scores."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from magtfnet.evaluation.document import Document
from magtfnet.experiments import comparison_report
from magtfnet.experiments.comparison import measured
from magtfnet.experiments.paper_tables import FULL
from magtfnet.experiments.reproduction import Reproduction
from magtfnet.experiments.reproduction_report import WARNING, report
from magtfnet.writing import write_whole

WITHOUT_WEIGHTS = (
    "Wav2Vec2.0 [53]: needs weights; magtfnet compare --weights wav2vec2=DIR trains it on folds like these"
)


def write(result: Reproduction, out: Path, command: str) -> Path:
    """Write the report as HTML and Markdown, and ``predictions.csv`` and ``scores.json`` of each study in its folder.

    Table 4's systems are compared by accuracy and cost too, in ``compare.html`` and ``compare.md`` of a protocol's
    folder. A rehearsal's files have that name, so that nobody takes them for the report.

    Args:
        result: the reproduction.
        out: its folder, where its runs lie.
        command: what made it.

    Returns:
        the HTML file; the Markdown lies beside it.
    """
    for study, together in result.reports.items():
        folder = out / study.folder
        together.pooled.save_predictions(folder / "predictions.csv")
        write_whole(folder / "scores.json", json.dumps(together.to_dict(), indent=2) + "\n")
    is_rehearsal = result.request.quick
    page = out / ("rehearsal.html" if is_rehearsal else "report.html")
    report(result, command).save(page)  # before what needs bundles and recordings too
    for folder, document in _comparisons(result, command):
        document.save(out / folder / ("rehearsal.html" if is_rehearsal else "compare.html"))
    return page


def _comparisons(result: Reproduction, command: str) -> Iterator[tuple[Path, Document]]:
    """Yield what Table 4's systems cost under each protocol, and the folder of the protocol."""
    for corpus, protocol in dict.fromkeys((study.corpus, study.protocol) for study in result.rivals):
        copy = result.request.corpora[corpus]
        runs = {
            study.model: of_study
            for study, of_study in result.rivals.items()
            if (study.corpus, study.protocol) == (corpus, protocol)
        }
        if runs.keys() == {FULL}:  # published folds, which the full system alone is trained on
            continue
        systems = [measured(name, of_study, copy) for name, of_study in runs.items()]
        document = comparison_report.report(
            copy, protocol, systems, [WITHOUT_WEIGHTS, *result.diverged.values()], command
        )
        yield Path(corpus, protocol), replace(document, warnings=[WARNING] if result.request.quick else [])
