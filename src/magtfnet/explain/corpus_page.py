"""A corpus's explanation as one HTML file."""

from collections.abc import Mapping, Sequence

import numpy as np

from magtfnet.explain.corpus_figures import heatmap, scatter
from magtfnet.explain.embeddings import Vectors
from magtfnet.explain.page import ENVIRONMENT
from magtfnet.explain.profile import KINDS, Profile

TITLES = {
    "bands": ("Frequencies", "The share of each band in all that the spectrogram adds or takes (%)."),
    "descriptors": (
        "Low-level descriptors",
        "The share of each descriptor in all that the descriptors add or take (%).",
    ),
    "scales": (
        "Time scales",
        "The weight that squeeze and excitation gives the channels of each kernel (0 to 1).",
    ),
}


def corpus_page(
    title: str,
    what: str,
    profiles: Mapping[str, Mapping[str, Profile]],
    vectors: Vectors,
    groups: Mapping[str, Sequence[str]],
    shares: Mapping[str, Sequence[float]],
) -> str:
    """Return the HTML of a corpus's explanation.

    Args:
        title: heading.
        what: how many recordings, models and which method, in words.
        profiles: for each emotion, each kind of part.
        vectors: (utterances, 2).
        groups: names of each grouping, one an utterance.
        shares: of variance, one a model, for each grouping.
    """
    kinds = []
    for kind in KINDS:
        by_emotion = {emotion: parts[kind] for emotion, parts in profiles.items() if kind in parts}
        if not by_emotion:
            continue
        heading, text = TITLES[kind]
        percent = kind != "scales"
        unit = "share (%)" if percent else "mean weight"
        kinds.append(
            {
                "title": heading,
                "text": text,
                "figure": heatmap(by_emotion, unit, percent=percent),
                "notes": agreement_notes(by_emotion),
            }
        )
    return ENVIRONMENT.get_template("corpus.html").render(
        title=title,
        what=what,
        kinds=kinds,
        shares=[
            {
                "name": name,
                "mean": f"{100 * np.mean(values):.1f}",
                "deviation": f"{100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else "one model",
            }
            for name, values in shares.items()
        ],
        scatter=scatter(vectors, groups) if len(vectors) else "",
    )


def agreement_notes(by_emotion: Mapping[str, Profile]) -> list[str]:
    """Say for which emotions the models disagree, and how much the others agree."""
    agreements = {emotion: profile.agreement for emotion, profile in by_emotion.items()}
    known = {emotion: value for emotion, value in agreements.items() if value is not None}
    if not known:
        return [
            "Whether another seed would give the same explanation is not known: one model, or too few parts to rank."
        ]
    changing = [emotion for emotion in known if by_emotion[emotion].changes_with_the_seed]
    told = ", ".join(f"{emotion} {value:.2f}" for emotion, value in known.items())
    notes = [f"Mean rank correlation between models, signs included: {told}."]
    if changing:
        notes.append(
            f"For {', '.join(changing)} the explanation changes with the seed: it is that of a training, "
            "not of the emotion."
        )
    return notes
