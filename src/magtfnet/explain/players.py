"""The players of an utterance: pieces of time times bands of frequency, and the named descriptors.

Shapley values need a set of players that does not grow with the utterance. Time is cut where voice begins and
ends, then the longest piece at the quietest frame of its middle half, until there is a fixed number of
pieces; the mel bands are cut into equal groups; each low-level descriptor is a player with all its
functionals, and of the extended functionals each family is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from magtfnet.features import FeatureBatch, FrontEnd

NUM_PIECES = 6
NUM_BANDS = 4
VOICE_DB = 35.0
"""Frames less than so far below the utterance's loudest frame count as voice."""
SHORTEST = 5
"""Frames of the shortest piece, where the utterance is long enough: 50 ms."""
DECIBELS_PER_NEPER = 10 / np.log(10)


@dataclass(frozen=True)
class Players:
    """Who plays: first all cells, piece after piece and band after band, then the descriptors.

    Args:
        edges: frames at which pieces begin, and the number of frames: pieces + 1 of them, not falling.
        bands: mel bands at which groups begin, and the number of mel bands.
        descriptors: names of the low-level descriptors, or of families of them.
        descriptor_of_each: for every column of ``lld`` and of ``functionals``, the index of its descriptor.
    """

    edges: tuple[int, ...]
    bands: tuple[int, ...]
    descriptors: tuple[str, ...]
    descriptor_of_each: Mapping[str, tuple[int, ...]]

    @property
    def num_pieces(self) -> int:
        """Pieces of time."""
        return len(self.edges) - 1

    @property
    def num_bands(self) -> int:
        """Groups of mel bands."""
        return len(self.bands) - 1

    @property
    def num_cells(self) -> int:
        """Players that are a piece of time in a band."""
        return self.num_pieces * self.num_bands

    def __len__(self) -> int:
        return self.num_cells + len(self.descriptors)

    def cell_of_each(self, num_frames: int, n_mels: int) -> Tensor:
        """Return (T, M): the number of the cell in which each value of the log-Mel spectrogram lies."""
        piece = torch.searchsorted(torch.tensor(self.edges[1:-1]), torch.arange(num_frames), right=True)
        band = torch.searchsorted(torch.tensor(self.bands[1:-1]), torch.arange(n_mels), right=True)
        return piece.unsqueeze(1) * self.num_bands + band

    def cells(self, values: Tensor) -> Tensor:
        """Return the values of the cells (pieces, bands) of values (..., players)."""
        return values[..., : self.num_cells].view(*values.shape[:-1], self.num_pieces, self.num_bands)


def find_players(
    features: FeatureBatch,
    front_end: FrontEnd,
    num_pieces: int = NUM_PIECES,
    num_bands: int = NUM_BANDS,
) -> Players:
    """Return the players of one utterance.

    Args:
        features: of one utterance, not standardised.
        front_end: that made them, and knows their descriptors.
        num_pieces: pieces of time; an utterance of fewer frames has empty ones at its end.
        num_bands: groups of mel bands.
    """
    count = int(features.lengths[0])
    log_mel = features.log_mel[0, :count]
    loudness = torch.logsumexp(log_mel.double(), dim=-1).numpy() * DECIBELS_PER_NEPER
    bands = np.linspace(0, log_mel.shape[1], num_bands + 1).round().astype(int)
    return Players(
        tuple(_pieces(loudness, num_pieces)),
        tuple(int(band) for band in bands),
        front_end.descriptors,
        front_end.descriptor_of_each,
    )


def _pieces(loudness: np.ndarray[tuple[int], np.dtype[np.float64]], num_pieces: int) -> list[int]:
    """Return edges: where voice begins and ends, then the longest piece cut at its quietest frame, again and again."""
    count = len(loudness)
    voiced = np.flatnonzero(loudness > loudness.max() - VOICE_DB)
    edges = [0, count]
    for edge in (int(voiced[0]), int(voiced[-1]) + 1):
        if min(abs(edge - other) for other in edges) >= SHORTEST and len(edges) <= num_pieces:
            edges = sorted([*edges, edge])
    smooth = np.convolve(np.pad(loudness, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    while len(edges) <= min(num_pieces, count):
        first, end = max(pairwise(edges), key=lambda pair: pair[1] - pair[0])
        quarter = (end - first) // 4  # not too near its ends
        inside = range(first + max(1, quarter), max(first + 2, end - quarter))
        edges = sorted([*edges, min(inside, key=lambda frame: smooth[frame])])
    return edges + [count] * (num_pieces + 1 - len(edges))
