"""The pictures of a report, as SVG text: learning curve and confusion matrix."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from magtfnet.evaluation.report import EvaluationReport

STYLE = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def learning_curve(history: Sequence[Mapping[str, float]]) -> str:
    """Draw loss and validation scores over epochs; ``history`` as the trainer writes it."""
    epochs = [row["epoch"] for row in history]
    best = max(history, key=lambda row: (row["validation_WA"], -row["validation_loss"]))["epoch"]
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        loss, score = figure.subplots(1, 2)
        loss.plot(
            epochs, [row["train_loss"] for row in history], label="training", linestyle="-", color="#1b6ca8"
        )
        loss.plot(
            epochs,
            [row["validation_loss"] for row in history],
            label="validation",
            linestyle="--",
            color="#c2571a",
        )
        loss.set(xlabel="epoch", ylabel="loss (nats)")
        score.plot(epochs, [100 * row["validation_WA"] for row in history], label="WA", color="#1b6ca8")
        score.plot(
            epochs,
            [100 * row["validation_UA"] for row in history],
            label="UA",
            linestyle="--",
            color="#c2571a",
        )
        score.set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(0, 100))
        for axes in (loss, score):
            axes.axvline(best, color="0.6", linewidth=1, linestyle=":", label="kept weights")
            axes.legend(frameon=False)
            axes.grid(alpha=0.25)
        return svg(figure)


def confusion_figure(report: EvaluationReport) -> str:
    """Draw the confusion matrix: counts, and percentages of each row."""
    counts = report.confusion
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    size = max(4.5, 0.85 * len(report.classes) + 1.6)
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(size + 1, size), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
        ticks = range(len(report.classes))
        axes.set_xticks(ticks, report.classes, rotation=40, ha="right")
        axes.set_yticks(ticks, report.classes)
        axes.set(xlabel="predicted emotion", ylabel="true emotion")
        for i in ticks:
            for j in ticks:
                text = f"{counts[i, j]}\n{100 * shares[i, j]:.0f} %" if counts[i, j] else "0"
                colour = "white" if shares[i, j] > 0.55 else "black"
                axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8.5)
        return svg(figure)


def svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG element."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
