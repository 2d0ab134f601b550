"""The pictures of a corpus's explanation, as SVG text."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from magtfnet.evaluation.figures import STYLE, svg
from magtfnet.explain.embeddings import Vectors
from magtfnet.explain.figures import WIDTH
from magtfnet.explain.profile import Profile

MARKERS = "os^vDPX*<>ph8dH"
"""One a group, so that groups are told apart without colour."""


def heatmap(by_emotion: Mapping[str, Profile], unit: str, *, percent: bool) -> str:
    """Draw a row an emotion and a column a part: the mean over models, and their deviation where there are several."""
    emotions = list(by_emotion)
    names = by_emotion[emotions[0]].names
    scale = 100 if percent else 1
    means = scale * np.stack([profile.shares.mean(axis=0) for profile in by_emotion.values()])
    several = len(by_emotion[emotions[0]].shares) > 1
    deviations = scale * np.stack(
        [profile.shares.std(axis=0, ddof=int(several)) for profile in by_emotion.values()]
    )
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, 1.7 + 0.5 * len(emotions)), layout="constrained")
        axes = figure.subplots()
        low = 0.0 if percent else float(means.min())
        image = axes.imshow(means, cmap="Greys", aspect="auto", vmin=low)
        figure.colorbar(image, ax=axes, label=unit)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
        axes.set_yticks(range(len(emotions)), emotions)
        middle = (low + float(means.max())) / 2
        for i in range(len(emotions)):
            for j in range(len(names)):
                digits = 0 if percent else 2
                text = f"{means[i, j]:.{digits}f}"
                text += f"\n±{deviations[i, j]:.{digits}f}" if several else ""
                colour = "white" if means[i, j] > middle else "black"
                axes.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)
        return svg(figure)


def scatter(vectors: Vectors, groups: Mapping[str, Sequence[str]]) -> str:
    """Draw the neighbourhoods once for each grouping, a marker and a colour a group."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, 4.2 * len(groups)), layout="constrained")
        for axes, (name, group) in zip(
            np.atleast_1d(figure.subplots(len(groups), 1)), groups.items(), strict=True
        ):
            colours = matplotlib.colormaps["tab20"]
            for number, one in enumerate(sorted(set(group))):
                chosen = np.array([member == one for member in group])
                axes.scatter(
                    *vectors[chosen].T,
                    s=18,
                    label=one,
                    color=colours(number % 20),
                    marker=MARKERS[number % len(MARKERS)],
                )
            axes.set(
                title=f"by {name}", xticks=[], yticks=[], xlabel="t-SNE, no unit", ylabel="t-SNE, no unit"
            )
            axes.legend(
                frameon=False, bbox_to_anchor=(1.01, 1), loc="upper left", ncols=1 + len(set(group)) // 16
            )
        return svg(figure)
