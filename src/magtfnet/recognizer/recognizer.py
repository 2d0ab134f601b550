"""The recognizer: recordings in, predictions out. Needs no torch where its model was exported."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, overload

from magtfnet.audio import Waveform, prepare
from magtfnet.audio.blocks import open_recording
from magtfnet.audio.io import MIN_DURATION
from magtfnet.audio.trim import trim_silence
from magtfnet.audio.waveform import Samples
from magtfnet.errors import BundleError, DurationError, MagtfnetError
from magtfnet.labels import LabelSet
from magtfnet.prediction import Prediction, threshold
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.engine import Engine
from magtfnet.recognizer.loading import load_engine, torch_engine
from magtfnet.timeline import Timeline, TimelineSettings

if TYPE_CHECKING:
    import torch

    from magtfnet.explain import Explanation
    from magtfnet.features import FeatureBatch, FrontEnd
    from magtfnet.recognizer.bundle import Bundle
    from magtfnet.recognizer.torch_engine import TorchEngine

Source = str | os.PathLike[str] | Waveform
LONGEST = 600.0
"""Seconds of one utterance: attention over more than 60,000 frames would take gigabytes and minutes."""
BATCH_SECONDS = 200.0
"""Of sound, padding included, that go through the network at once."""


class EmotionRecognizer:
    """Tells the emotion of recordings.

    Args:
        model: a trained model, or an engine that has one.
        unsure_below: an answer of a lower probability is "not sure"; the model's own threshold where not given.

    Raises:
        ConfigError: the threshold is not from 0 to 1.
    """

    def __init__(self, model: "Bundle | Engine", *, unsure_below: float | None = None) -> None:
        self.engine: Engine = model if hasattr(model, "probabilities") else torch_engine(model)
        self.unsure_below = self.engine.unsure_below if unsure_below is None else threshold(unsure_below)
        self._folder: Path | None = None
        self._beside: TorchEngine | None = None

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int = 1,
        unsure_below: float | None = None,
    ) -> "EmotionRecognizer":
        """Return the recognizer of a bundle, of an exported ``.onnx`` file, or of a model by its name.

        A bundle that was exported is run by onnxruntime, without torch, which also starts faster; the file was checked
        to answer as torch does.

        Args:
            model: a path, or a name that ``magtfnet models`` lists; without it the model that comes with magtfnet.
            threads: of one prediction by onnxruntime.
            unsure_below: an answer of a lower probability is "not sure"; the model's own threshold where not given.

        Raises:
            ConfigError: the threshold is not from 0 to 1.
            BundleError: see ``Bundle.load``.
            UnknownNameError: neither a path nor a name.
            MissingExtraError: a bundle that was not exported, and torch is not installed.
        """
        engine, folder = load_engine(model, threads=threads)
        recognizer = cls(engine, unsure_below=unsure_below)
        recognizer._folder = folder
        return recognizer

    @classmethod
    def from_hub(cls, repo: str, *, revision: str = "main", token: str | None = None) -> "EmotionRecognizer":
        """Return the recognizer of a bundle on the Hugging Face Hub, or on the one that ``$HF_ENDPOINT`` names.

        Args:
            repo: ``owner/name``.
            revision: a branch, tag or commit.
            token: for private repositories; the one that ``hf auth login`` left, where not given.

        Raises:
            HubError: no such repository, revision or bundle, or the hub cannot be reached.
            BundleError: what lies there is altered or damaged.
            MissingExtraError: huggingface_hub is not installed.
        """
        from magtfnet.recognizer.hub import fetch

        return cls.load(fetch(repo, revision=revision, token=token))

    def push_to_hub(self, repo: str, *, private: bool = False, token: str | None = None) -> str:
        """Write the bundle to a repository on the Hugging Face Hub as one commit; return the commit's address.

        Args:
            repo: ``owner/name``; made where it is not there.
            private: who may see a repository that is made.
            token: the one that ``hf auth login`` left, where not given.

        Raises:
            HubError: the hub refuses it, or cannot be reached.
            BundleError: it was loaded from an exported file alone.
            MissingExtraError: huggingface_hub is not installed.
        """
        from magtfnet.recognizer.hub import push

        with tempfile.TemporaryDirectory() as made:
            folder = self._folder or self.bundle.save(Path(made) / "bundle")
            return push(folder, repo, private=private, token=token)

    @property
    def labels(self) -> LabelSet:
        """The classes that it tells apart."""
        return self.engine.labels

    @property
    def bundle(self) -> "Bundle":
        """The bundle behind it, with the network as a torch module.

        Raises:
            BundleError: it was loaded from an exported file alone.
            MissingExtraError: torch is not installed.
        """
        return self._torch().bundle

    @property
    def front_end(self) -> "FrontEnd":
        """The front end as a torch module; see ``bundle``."""
        return self._torch().front_end

    def probabilities(self, features: "FeatureBatch") -> "torch.Tensor":
        """Return the probabilities (B, K), float64, of features as the front end gives them; see ``bundle``."""
        return self._torch().of_features(features)

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
        waiting: list[Samples | MagtfnetError] = []
        durations: list[float] = []
        longest = 0
        for source in sources:
            try:
                waveform, duration = self._read(source)
                longest = max(longest, waveform.num_samples)
                waiting.append(waveform.samples)
                durations.append(duration)
            except MagtfnetError as error:
                waiting.append(error)
                durations.append(0.0)
            if longest * len(waiting) >= BATCH_SECONDS * self.engine.audio.sample_rate:
                yield from self._run(waiting, durations)
                waiting, durations, longest = [], [], 0
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

    def timeline(
        self,
        source: Source,
        *,
        settings: TimelineSettings = TimelineSettings(),
        by_channel: bool = False,
        progress: Progress = silent,
    ) -> Timeline:
        """Return the emotions of a recording of any length along time.

        Args:
            source: a path or a waveform.
            settings: windows, smoothing, speech.
            by_channel: hear each channel by itself, as in calls with a speaker a side; else they are mixed.
            progress: told seconds done and in all.

        Raises:
            AudioError: a recording that cannot be used.
        """
        from magtfnet.recognizer.timelines import timeline

        return timeline(self, source, settings=settings, by_channel=by_channel, progress=progress)

    def _raising(self, sources: Sequence[Source]) -> Iterator[Prediction]:
        for result in self.predict_each(sources):
            if isinstance(result, MagtfnetError):
                raise result
            yield result

    def _read(self, source: Source) -> tuple[Waveform, float]:
        """Return a recording as the front end takes it, and how long it was."""
        name, waveform = self._recording(source)
        return prepare(waveform, self.engine.audio, name), waveform.duration

    @staticmethod
    def _recording(source: Source) -> tuple[str | Path, Waveform]:
        """Return a recording as it is, and what to call it."""
        if isinstance(source, Waveform):
            _refuse_length("waveform", source.duration)
            return "waveform", source
        path = Path(source)
        with open_recording(path) as recording:
            _refuse_length(path, recording.duration)  # before it is decoded: a few KiB may hold hours
            (samples,) = recording.blocks(recording.duration)
            return path, Waveform(samples, recording.sample_rate)

    def _run(
        self, waiting: Sequence[Samples | MagtfnetError], durations: Sequence[float]
    ) -> Iterator[Prediction | MagtfnetError]:
        usable = [item for item in waiting if not isinstance(item, MagtfnetError)]
        rows = iter(self.engine.probabilities(usable).tolist() if usable else [])
        for item, duration in zip(waiting, durations, strict=True):
            if isinstance(item, MagtfnetError):
                yield item
            else:
                named = dict(zip(self.labels.classes, next(rows), strict=True))
                label = max(named, key=lambda label: named[label])
                yield Prediction(label, named, duration, self.unsure_below)

    def _torch(self) -> "TorchEngine":
        """Return the engine by torch, of the same bundle."""
        if hasattr(self.engine, "of_features"):
            return cast("TorchEngine", self.engine)
        if self._folder is None:
            raise BundleError(
                "this needs a bundle with its weights, and an exported file has been loaded; load the bundle instead"
            )
        if self._beside is None:
            self._beside = torch_engine(self._folder)
        return self._beside


def _refuse_length(name: str | Path, duration: float) -> None:
    if not MIN_DURATION <= duration <= LONGEST:
        raise DurationError(
            name, f"{duration:.3f} s of audio", f"give one utterance of {MIN_DURATION} to {LONGEST:g} s"
        )
