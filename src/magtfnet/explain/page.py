"""An explanation as one HTML file that needs nothing beside it, with the recording to play."""

import base64
import io
from collections.abc import Sequence
from math import isnan

import jinja2
import soundfile

from magtfnet.explain import figures
from magtfnet.explain.attribution import COALITIONS
from magtfnet.explain.explanation import Explanation
from magtfnet.explain.inside import absence
from magtfnet.features.lld import descriptor_unit

NUM_EDGES = 5
"""Edges of the graph that are named."""
ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("magtfnet.explain"), autoescape=True, undefined=jinja2.StrictUndefined
)
METHODS = {
    "shapley": "Shapley values: what a player adds, averaged over the orders in which players could join",
    "integrated_gradients": "integrated gradients from the baseline to the recording, summed over each player",
    "occlusion": "what the logit loses when one player alone is replaced by the baseline; these do not add up",
}


def _method(explanation: Explanation) -> str:
    """Say what the values are, and how far off drawing leaves them."""
    attribution = explanation.attribution
    said = METHODS[attribution.method]
    if attribution.errors is None or not attribution.errors.any():
        return said
    typical, most = float(attribution.errors.median()), float(attribution.errors.max())
    drawn = f"of {COALITIONS:,} drawn coalitions, which leaves a standard error of {typical:.2f}, at most {most:.2f}"
    return f"{said}; {drawn}"


def explanation_page(title: str, explanation: Explanation, words: Sequence[str]) -> str:
    """Return the HTML of one explanation, with sentences such as ``in_words`` gives."""
    inside, milliseconds = explanation.inside, 1000 * explanation.frame_seconds
    bands = [
        f"{low:,.0f} to {high:,.0f} Hz"
        for low, high in zip(explanation.hertz[:-1], explanation.hertz[1:], strict=True)
    ]
    unit = f"added to the logit of {explanation.label}"
    scales = {
        f"{span} frames ({span * milliseconds:.0f} ms)": float(weight)
        for span, weight in zip(inside.scale_spans, inside.scale_weights, strict=True)
    }
    return ENVIRONMENT.get_template("explanation.html").render(
        title=title,
        words=words,
        probabilities=sorted(explanation.probabilities.items(), key=lambda item: -item[1]),
        method=_method(explanation),
        overview=figures.overview(explanation),
        left=figures.LEFT,
        width=figures.RIGHT - figures.LEFT,
        audio=_wav(explanation),
        start=explanation.seconds[0],
        pieces=[
            {"start": start, "end": end, "value": f"{value:+.2f}"}
            for start, end, value in zip(
                explanation.seconds[:-1],
                explanation.seconds[1:],
                explanation.by_piece().tolist(),
                strict=True,
            )
            if end > start
        ],
        bands=figures.bars(dict(zip(bands, explanation.by_band().tolist(), strict=True)), unit),
        descriptors=figures.bars(
            {name.replace("_", " "): value for name, value in explanation.by_descriptor().items()}, unit
        ),
        measured=_measured(explanation),
        absent={
            part: absence(part)
            for part, there in (
                ("scales", bool(scales)),
                ("graph", bool(inside.adjacency.numel())),
                ("attention", bool(inside.attention.numel())),
            )
            if not there
        },
        scales=figures.bars(scales, "mean channel weight (0 to 1)") if scales else "",
        graph=figures.graph(inside.adjacency, inside.node_bands) if inside.node_bands.numel() else "",
        edges=_strongest_edges(explanation),
        attention=figures.attention(inside.attention, (explanation.seconds[0], explanation.seconds[-1]))
        if inside.attention.numel()
        else "",
    )


def _measured(explanation: Explanation) -> list[dict[str, str]]:
    """Return each descriptor's mean in its unit, how far it lies from that of the training part, and what it adds."""
    rows = zip(
        explanation.by_descriptor().items(),
        explanation.means.tolist(),
        explanation.deviations.tolist(),
        strict=True,
    )
    return [
        {
            "name": name.replace("_", " "),
            "mean": f"{mean:,.4g} {descriptor_unit(name)}".strip(),
            "deviations": f"{away:+.1f}",
            "adds": f"{value:+.2f}",
        }
        for (name, value), mean, away in rows
        if not isnan(mean)
    ]


def _strongest_edges(explanation: Explanation) -> str:
    """Name the heaviest edges between two different nodes of the learned graph."""
    weights = explanation.inside.adjacency.clone()
    if len(weights) < 2:
        return ""
    weights.fill_diagonal_(0.0)
    order = weights.flatten().argsort(descending=True)[:NUM_EDGES].tolist()
    named = [(edge // len(weights), edge % len(weights)) for edge in order]
    kind = "node" if len(weights) == len(explanation.inside.node_bands) else "feature"
    return f"between two {kind}s: " + ", ".join(
        f"{start} to {end} ({100 * float(weights[start, end]):.0f} %)" for start, end in named
    )


def _wav(explanation: Explanation) -> str:
    """Return the recording as explained, 16-bit WAV in base 64."""
    file = io.BytesIO()
    waveform = explanation.waveform
    soundfile.write(file, waveform.samples, waveform.sample_rate, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
