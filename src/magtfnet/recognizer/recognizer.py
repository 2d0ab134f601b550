"""The recognizer: recordings in, predictions out."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import torch

from magtfnet.audio import Waveform, prepare, read_audio
from magtfnet.audio.io import MIN_DURATION
from magtfnet.audio.trim import trim_silence
from magtfnet.errors import DurationError, MagtfnetError
from magtfnet.features import FeatureBatch, FrontEnd
from magtfnet.features.batch import pad_frames
from magtfnet.labels import LabelSet
from magtfnet.prediction import Prediction
from magtfnet.recognizer.bundle import Bundle

if TYPE_CHECKING:
    from magtfnet.explain import Explanation

Source = str | os.PathLike[str] | Waveform
LONGEST = 600.0
"""Seconds of one utterance: attention over more than 60,000 frames would take gigabytes and minutes."""
BATCH_FRAMES = 20_000
"""Frames, padding included, that go through the network at once."""


class EmotionRecognizer:
    """Tells the emotion of recordings.

    Args:
        bundle: a trained model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.front_end = FrontEnd(bundle.audio, bundle.features)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmotionRecognizer":
        """Return the recognizer of a bundle on disk.

        Raises:
            BundleError: see ``Bundle.load``.
        """
        return cls(Bundle.load(Path(path)))

    @property
    def labels(self) -> LabelSet:
        """The classes that it tells apart."""
        return self.bundle.labels

    @overload
    def predict(self, source: Source) -> Prediction: ...  # type: ignore[overload-overlap]  # a str is a sequence too
    @overload
    def predict(self, source: Sequence[Source]) -> list[Prediction]: ...

    def predict(self, source: Source | Sequence[Source]) -> Prediction | list[Prediction]:
        """Return the prediction of a path or waveform, or those of a list of them in its order.

        Raises:
            AudioError: the first recording that cannot be used.
        """
        if isinstance(source, (str, os.PathLike, Waveform)):
            return next(self._raising([source]))
        return list(self._raising(source))

    def predict_each(self, sources: Sequence[Source]) -> Iterator[Prediction | MagtfnetError]:
        """Yield, in order, the prediction of each recording, or the error of one that cannot be used."""
        waiting: list[FeatureBatch | MagtfnetError] = []
        durations: list[float] = []
        frames = 0
        for source in sources:
            try:
                batch, duration = self._features(source)
                frames = max(frames, int(batch.lengths[0]))
                waiting.append(batch)
                durations.append(duration)
            except MagtfnetError as error:
                waiting.append(error)
                durations.append(0.0)
            if frames * len(waiting) >= BATCH_FRAMES:
                yield from self._run(waiting, durations)
                waiting, durations, frames = [], [], 0
        yield from self._run(waiting, durations)

    def explain(self, source: Source, *, label: str | None = None, method: str = "shapley") -> "Explanation":
        """Return why a recording gets the emotion it gets.

        Args:
            source: a path or a waveform.
            label: the emotion explained; where not said the one that the model hears in the recording without the
                digital silence before and behind it.
            method: ``shapley``, ``integrated_gradients`` or ``occlusion`` (see ``magtfnet.explain``).

        Raises:
            AudioError: a recording that cannot be used.
            ExplainError: an unknown method or emotion, or a recording too long to be explained.
        """
        from magtfnet.explain import explain

        name, recording = self._recording(source)
        sound, cut = trim_silence(recording)
        if not sound.samples.any() or sound.duration < MIN_DURATION:
            found = f"{sound.duration:.3f} s of sound" if sound.samples.any() else "digital silence"
            raise DurationError(name, found, f"give at least {MIN_DURATION} s of sound")
        bundle = self.bundle
        parts = (bundle.model, bundle.standardizer, self.front_end, bundle.labels)
        waveform = prepare(sound, bundle.audio, name)
        notes = []
        if sum(cut) > 0:
            whole, trimmed = self.predict(recording), self.predict(sound)
            notes.append(
                f"{cut[0]:.2f} s of digital silence before the sound and {cut[1]:.2f} s behind it were left out; "
                f"with them the model hears {whole.label} ({100 * whole.confidence:.0f} %), "
                f"without them {trimmed.label} ({100 * trimmed.confidence:.0f} %)."
            )
        if not bundle.features.standardize:
            notes.append(
                "The features are not standardised: the baseline is a log-power of 0, not an average recording."
            )
        return explain(*parts, waveform, starts=cut[0], label=label, method=method, notes=notes)

    def _raising(self, sources: Sequence[Source]) -> Iterator[Prediction]:
        for result in self.predict_each(sources):
            if isinstance(result, MagtfnetError):
                raise result
            yield result

    def _features(self, source: Source) -> tuple[FeatureBatch, float]:
        waveform, duration = self._read(source)
        return self.front_end.extract(waveform), duration

    def _read(self, source: Source) -> tuple[Waveform, float]:
        """Return a recording as the front end takes it, and how long it was."""
        name, waveform = self._recording(source)
        return prepare(waveform, self.bundle.audio, name), waveform.duration

    @staticmethod
    def _recording(source: Source) -> tuple[str | Path, Waveform]:
        """Return a recording as it is, and what to call it."""
        name = "waveform" if isinstance(source, Waveform) else Path(source)
        waveform = source if isinstance(source, Waveform) else read_audio(source)
        if not MIN_DURATION <= waveform.duration <= LONGEST:
            raise DurationError(
                name,
                f"{waveform.duration:.3f} s of audio",
                f"give one utterance of {MIN_DURATION} to {LONGEST:g} s",
            )
        return name, waveform

    def _run(
        self, waiting: Sequence[FeatureBatch | MagtfnetError], durations: Sequence[float]
    ) -> Iterator[Prediction | MagtfnetError]:
        usable = [item for item in waiting if isinstance(item, FeatureBatch)]
        rows = iter(self.probabilities(_joined(usable)).tolist() if usable else [])
        for item, duration in zip(waiting, durations, strict=True):
            if isinstance(item, MagtfnetError):
                yield item
            else:
                named = dict(zip(self.labels.classes, next(rows), strict=True))
                yield Prediction(max(named, key=lambda label: named[label]), named, duration)

    @torch.inference_mode()
    def probabilities(self, features: FeatureBatch) -> torch.Tensor:
        """Return the probabilities (B, K), float64, of features as the front end gives them."""
        model = self.bundle.model
        standardized = self.bundle.standardizer(features)
        logits: torch.Tensor = model(**standardized.inputs(model.inputs))
        return logits.double().softmax(dim=-1)


def _joined(batches: Sequence[FeatureBatch]) -> FeatureBatch:
    return FeatureBatch(
        pad_frames([batch.log_mel[0] for batch in batches]),
        pad_frames([batch.lld[0] for batch in batches]),
        torch.cat([batch.functionals for batch in batches]),
        torch.cat([batch.lengths for batch in batches]),
    )
