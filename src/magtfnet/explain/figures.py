"""The pictures of an explanation, as SVG text: readable without colour, every axis with its unit."""

from collections.abc import Mapping
from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from magtfnet.evaluation.figures import STYLE, svg
from magtfnet.explain.explanation import Explanation

LEFT, RIGHT = 0.08, 0.98
"""Where the time axes of the overview begin and end, as shares of its width: the page moves a cursor there."""
WIDTH = 10.0
FOR, AGAINST = "#1b6ca8", "#c2571a"


def overview(explanation: Explanation) -> str:
    """Draw the waveform, the log-Mel spectrogram with what each cell adds, and the attention each frame receives.

    A model without attention has no third part.
    """
    start, end = explanation.seconds[0], explanation.seconds[-1]
    relevance = explanation.inside.frame_relevance.numpy()
    heights = (1, 3, 1) if len(relevance) else (1, 3)
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        height = 1.24 * sum(heights)
        figure = Figure(figsize=(WIDTH, height))
        wave, mel, *others = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.98, bottom=0.5 / height, hspace=0.12)
        samples = explanation.waveform.samples
        step = max(1, len(samples) // 4000)
        time = np.linspace(start, end, len(samples))[::step]
        wave.plot(time, samples[::step], color="0.25", linewidth=0.6)
        wave.set(ylabel="amplitude", xlim=(start, end))
        _draw_cells(mel, explanation)
        for looked in others:
            looked.plot(np.linspace(start, end, len(relevance)), 100 * relevance, color="0.25", linewidth=1)
            looked.set(ylabel="attention (%)")
        (others or [mel])[-1].set(xlabel="time (s)")
        for axes in (wave, *others):
            for edge in explanation.seconds[1:-1]:
                axes.axvline(edge, color="0.6", linewidth=0.6, linestyle=":")
        return svg(figure)


def _draw_cells(axes: Axes, explanation: Explanation) -> None:
    """Draw the spectrogram in grey, and over each cell a number, a colour and, where it is negative, a hatch."""
    players, cells = explanation.players, explanation.players.cells(explanation.attribution.values)
    seconds, bands = explanation.seconds, players.bands
    log_mel = explanation.features.log_mel[0].T.numpy()
    extent = (seconds[0], seconds[-1], 0.0, float(bands[-1]))
    axes.imshow(log_mel, origin="lower", aspect="auto", cmap="Greys", extent=extent, interpolation="nearest")
    strongest = float(cells.abs().max()) or 1.0
    for i, (left, right) in enumerate(pairwise(seconds)):
        if right <= left:
            continue
        for j, (low, high) in enumerate(pairwise(bands)):
            value = float(cells[i, j])
            share = abs(value) / strongest
            axes.add_patch(
                matplotlib.patches.Rectangle(
                    (left, low),
                    right - left,
                    high - low,
                    facecolor=(*matplotlib.colors.to_rgb(FOR if value >= 0 else AGAINST), 0.55 * share),
                    edgecolor="0.3",
                    linewidth=0.6,
                    hatch="//" if value < 0 else None,
                )
            )
            if share > 0.1 and (right - left) > 0.035 * (seconds[-1] - seconds[0]):
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
                axes.text(
                    (left + right) / 2,
                    (low + high) / 2,
                    f"{value:+.2f}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    bbox=box,
                )
    axes.set_yticks(list(bands), [f"{hertz:,.0f}" for hertz in explanation.hertz])
    axes.set(ylabel="frequency (Hz)", xlim=(seconds[0], seconds[-1]))


def bars(values: Mapping[str, float], unit: str) -> str:
    """Draw a bar for each name, to the right where it speaks for the emotion, hatched to the left where against."""
    names, heights = list(values), list(values.values())
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH / 2, 0.5 + 0.28 * len(names)), layout="constrained")
        axes = figure.subplots()
        drawn = axes.barh(names, heights, color=[FOR if height > 0 else AGAINST for height in heights])
        for bar, height in zip(drawn, heights, strict=True):
            if height < 0:
                bar.set_hatch("//")
        axes.bar_label(drawn, [f"{height:+.2f}" for height in heights], padding=3, fontsize=8.5)
        axes.axvline(0, color="0.3", linewidth=0.8)
        axes.margins(x=0.2)
        axes.invert_yaxis()
        axes.set(xlabel=unit)
        return svg(figure)


def graph(adjacency: Tensor, node_bands: Tensor) -> str:
    """Draw the learned adjacency, and which mel bands each node draws on."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        image = left.imshow(100 * adjacency.numpy(), cmap="Greys", vmin=0)
        figure.colorbar(image, ax=left, label="weight of the edge (%)", shrink=0.8)
        kind = (
            "node" if len(adjacency) == len(node_bands) else "feature"
        )  # with the graph first it joins features
        left.set(xlabel=f"to {kind}", ylabel=f"from {kind}")
        image = right.imshow(100 * node_bands.numpy(), cmap="Greys", vmin=0, aspect="auto")
        figure.colorbar(image, ax=right, label="share of the band (%)", shrink=0.8)
        right.set(xlabel="mel band", ylabel="node")
        return svg(figure)


def attention(weights: Tensor, seconds: tuple[float, float]) -> str:
    """Draw (layers, heads, K, K): which frame, or block of frames, looks at which."""
    layers, heads = weights.shape[:2]
    extent = (seconds[0], seconds[1], seconds[1], seconds[0])
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, 2.5 * layers + 0.3), layout="constrained")
        grid = figure.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
        for layer in range(layers):
            for head in range(heads):
                axes = grid[layer][head]
                values = weights[layer, head].numpy()
                axes.imshow(values, cmap="Greys", vmin=0, extent=extent, aspect="auto")
                axes.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=10)
                axes.set(
                    xlabel="looked at (s)" if layer == layers - 1 else "",
                    ylabel="" if head else "looking (s)",
                )
        return svg(figure)
