"""An explanation as one HTML file that needs nothing beside it, with the recording to play."""

import base64
import io
from collections.abc import Sequence

import jinja2
import soundfile

from magtfnet.explain import figures
from magtfnet.explain.explanation import Explanation

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("magtfnet.explain"), autoescape=True, undefined=jinja2.StrictUndefined
)
METHODS = {
    "shapley": "Shapley values (KernelSHAP): what a player adds, averaged over all orders in which players could join",
    "integrated_gradients": "integrated gradients from the baseline to the recording, summed over each player",
    "occlusion": "what the logit loses when one player alone is replaced by the baseline; these do not add up",
}


def explanation_page(title: str, explanation: Explanation, words: Sequence[str]) -> str:
    """Return the HTML of one explanation, with sentences such as ``in_words`` gives."""
    inside, frame = explanation.inside, 10
    bands = [
        f"{low:,.0f} to {high:,.0f} Hz"
        for low, high in zip(explanation.hertz[:-1], explanation.hertz[1:], strict=True)
    ]
    unit = f"added to the logit of {explanation.label}"
    scales = {
        f"{span} frames ({span * frame} ms)": float(weight)
        for span, weight in zip(inside.scale_spans, inside.scale_weights, strict=True)
    }
    return ENVIRONMENT.get_template("explanation.html").render(
        title=title,
        words=words,
        probabilities=sorted(explanation.probabilities.items(), key=lambda item: -item[1]),
        method=METHODS[explanation.attribution.method],
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
        scales=figures.bars(scales, "mean channel weight (0 to 1)") if scales else "",
        graph=figures.graph(inside.adjacency, inside.node_bands) if inside.node_bands.numel() else "",
        attention=figures.attention(inside.attention, (explanation.seconds[0], explanation.seconds[-1]))
        if inside.attention.numel()
        else "",
    )


def _wav(explanation: Explanation) -> str:
    """Return the recording as explained, 16-bit WAV in base 64."""
    file = io.BytesIO()
    waveform = explanation.waveform
    soundfile.write(file, waveform.samples, waveform.sample_rate, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
