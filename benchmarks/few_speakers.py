"""How often the 95 % bootstrap over speakers holds the truth where they are few."""

import numpy as np

from magtfnet.evaluation import intervals

SPEAKERS = (2, 3, 4, 6, 8, 10)
SIMULATIONS, RESAMPLES = 250, 300
UTTERANCES, RIGHT, APART = 60, 0.65, 0.08
"""Of each speaker; the share that is right in the mean of all speakers, and their standard deviation about it."""


def coverage(speakers: int, generator: np.random.Generator) -> float:
    """Return the share of simulations whose interval of WA holds the mean of all speakers."""
    held = 0
    names = np.repeat([f"s{number}" for number in range(speakers)], UTTERANCES).tolist()
    for _ in range(SIMULATIONS):
        shares = np.clip(generator.normal(RIGHT, APART, speakers), 0, 1)
        right = np.concatenate([generator.random(UTTERANCES) < share for share in shares])
        truth = np.tile([0, 1], len(names) // 2)
        said = np.where(right, truth, 1 - truth)
        found = intervals.bootstrap(truth.tolist(), said.tolist(), names, 2)
        if found is not None:
            held += found["WA"][0] <= RIGHT <= found["WA"][1]
    return held / SIMULATIONS


if __name__ == "__main__":
    intervals.RESAMPLES = RESAMPLES
    drawn = np.random.default_rng(0)
    for count in SPEAKERS:
        print(f"{count} speakers: {100 * coverage(count, drawn):.0f} %")  # noqa: T201
