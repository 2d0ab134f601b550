"""The files of a reproduction beside its runs: the reports, and of each study all predictions and their scores."""

import json
from pathlib import Path

from magtfnet.experiments.reproduction import Reproduction
from magtfnet.experiments.reproduction_report import report
from magtfnet.writing import write_whole


def write(result: Reproduction, out: Path, command: str) -> Path:
    """Write the report as HTML and Markdown, and ``predictions.csv`` and ``scores.json`` of each study in its folder.

    A rehearsal's files have that name, so that nobody takes them for the report.

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
    document = report(result, command)
    page = out / ("rehearsal.html" if result.request.quick else "report.html")
    write_whole(page, document.html())
    write_whole(page.with_suffix(".md"), document.markdown())
    return page
