"""A comparison as a report: accuracy beside cost, each system against the full MAGTF-Net."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from magtfnet.corpora import Corpus
from magtfnet.evaluation.cells import (
    SCORE_COLUMNS,
    difference_cells,
    difference_columns,
    how_to_read,
    score_cells,
)
from magtfnet.evaluation.document import Document, Section
from magtfnet.evaluation.figures import STYLE, svg
from magtfnet.evaluation.page import notes
from magtfnet.evaluation.paired import scores
from magtfnet.experiments.comparison import REFERENCE, Compared

COLUMNS = (
    "system",
    *SCORE_COLUMNS,
    *difference_columns(REFERENCE),
    "learnt numbers",
    "size (KiB)",
    "training (s a run)",
    "CPU ms for a second of speech",
)
HOW = (
    f"{how_to_read(REFERENCE, 'the other systems')} Prediction is timed from the file to the probabilities, of "
    "networks one recording after another once all is trained, of classical systems 20 at once right after their "
    "training: these figures tell orders of magnitude. Training seconds are of trainings side by side, as they were "
    "run."
)


def report(
    corpus: Corpus, protocol: str, systems: Sequence[Compared], missing: Sequence[str], command: str
) -> Document:
    """Return the report.

    Args:
        corpus: what was trained on.
        protocol: its name.
        systems: what was compared, the reference among them.
        missing: what could not be compared, and why.
        command: what made it, without anybody's paths.
    """
    ranked = sorted(systems, key=lambda system: -system.report.weighted_accuracy.mean)
    reports = {system.name: system.report for system in ranked}
    against = difference_cells(reports, REFERENCE)
    rows = [
        [
            system.name,
            *score_cells(system.report),
            *against[system.name],
            f"{system.parameters:,}",
            f"{system.num_bytes / 1024:,.0f}",
            f"{system.training_seconds:.0f}",
            f"{1000 * system.cpu_seconds:.1f}",
        ]
        for system in ranked
    ]
    facts = {
        "corpus": corpus.summary,
        "protocol": f"{protocol}, {len(reports[REFERENCE].runs)} runs a system",
    }
    sections = [
        Section("How to read this", paragraphs=[HOW], points=notes(reports[REFERENCE])),
        Section("Accuracy against cost", figure=cost_figure(ranked)),
        Section("Systems, best first", columns=COLUMNS, rows=rows),
    ]
    if missing:
        sections.append(Section("What is missing", points=missing))
    return Document(f"Systems on {corpus.name}", sections, command=command, facts=facts)


def cost_figure(systems: Sequence[Compared]) -> str:
    """Draw WA with its interval over the CPU time of a prediction."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        axes = figure.subplots()
        for system in systems:
            found = scores(system.report).weighted
            across, value = 1000 * system.cpu_seconds, 100 * found.value
            colour = "#c2571a" if system.name == REFERENCE else "#1b6ca8"
            if found.interval is not None:
                axes.plot([across, across], [100 * end for end in found.interval], color=colour, alpha=0.5)
            axes.plot([across], [value], "o", color=colour)
            axes.annotate(system.name, (across, value), xytext=(6, 3), textcoords="offset points", fontsize=9)
        axes.set_xscale("log")
        axes.set(xlabel="CPU milliseconds for a second of speech", ylabel="WA (%), 95 % interval")
        axes.grid(alpha=0.25)
        return svg(figure)
