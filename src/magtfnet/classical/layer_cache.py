"""What an encoder makes of a recording, all its layers or the last one's frames, computed once and kept as a file."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tokenize import TokenError

import numpy as np
import torch
from torch import Tensor

from magtfnet.audio import Waveform
from magtfnet.classical.encoder import PretrainedEncoder
from magtfnet.config import to_plain
from magtfnet.features import FeatureStore
from magtfnet.features.store import Recording, short_name
from magtfnet.writing import whole_file

DAMAGED = (ValueError, EOFError, TokenError, SyntaxError, MemoryError, TypeError)
"""What NumPy raises for a damaged file, which is no reason to stop: what it held is computed anew."""


class LayerCache:
    """Means over time of all layers, and the last one's frames.

    They are kept by the encoder, the recording's content and how recordings are prepared.

    Args:
        encoder: in evaluation mode.
        store: knows the content of every recording and how it is prepared; files lie beside its own.
        fingerprint: the encoder's where it is known; it is a digest of all weights.
    """

    def __init__(
        self, encoder: PretrainedEncoder, store: FeatureStore, fingerprint: str | None = None
    ) -> None:
        self.encoder = encoder
        self.store = store
        prepared = short_name(to_plain(store.audio))
        self.folder: Path = (
            store.folder.parent / "layers" / f"{fingerprint or encoder.fingerprint()}-{prepared}"
        )

    @torch.no_grad()
    def layers(self, recordings: Sequence[Recording]) -> Tensor:
        """Return (N, layers, D); what is not there yet is computed."""
        return torch.stack([self._kept(recording, "", self.encoder) for recording in recordings])

    @torch.no_grad()
    def frames(self, recording: Recording) -> Tensor:
        """Return the last layer's frames (T, D); see ``layers``."""
        return self._kept(recording, "-frames", self.encoder.frames)

    def _kept(self, recording: Recording, ending: str, compute: Callable[[Waveform], Tensor]) -> Tensor:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.store.content_key(recording)}{ending}.npy"
        with suppress(FileNotFoundError, *DAMAGED), file.open("rb") as opened:
            kept = np.lib.format.read_array(opened, allow_pickle=False)
            if kept.dtype == np.float32 and not opened.read(1):
                return torch.from_numpy(kept)
        found = compute(self.store.waveform(recording)).cpu()
        with whole_file(file) as temporary, temporary.open("wb") as opened:
            np.save(opened, found.numpy(), allow_pickle=False)
        return found


class FrozenLayers:
    """The caches of an encoder whose weights change no more: they are digested once, whichever stores are asked of.

    Args:
        encoder: in evaluation mode.
    """

    def __init__(self, encoder: PretrainedEncoder) -> None:
        self.encoder = encoder

    def of(self, store: FeatureStore) -> LayerCache:
        """Return the cache beside a store."""
        return LayerCache(self.encoder, store, self._fingerprint)

    @cached_property
    def _fingerprint(self) -> str:
        return self.encoder.fingerprint()
