"""The bundle: one folder with all that a model needs to run, and nothing that executes.

``bundle_files.py`` says what lies in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from magtfnet.config import AudioConfig, FeatureConfig, ModelConfig, to_plain, validated
from magtfnet.errors import BundleError, ConfigError, MagtfnetError
from magtfnet.features import FrontEnd, Standardizer
from magtfnet.labels import LabelSet
from magtfnet.models import Model, create_model
from magtfnet.recognizer.bundle_files import (
    BUNDLE,
    CARD,
    FORMAT_VERSION,
    GRAPH,
    WEIGHTS,
    read_description,
    read_files,
    write_files,
)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model with everything that it was trained with.

    Args:
        model: the network, in evaluation mode.
        standardizer: the statistics of the training part.
        labels: classes in the order of the logits.
        audio: how recordings are prepared.
        features: the front end.
        model_config: the registered name and its overrides.
        provenance: corpus, licence, protocol, seed, versions: plain data.
        scores: validation and test scores: plain data.
        card: the model card, Markdown.
        graph: the same model as an ONNX file, where it was exported.
        unsure_below: an answer of a lower probability is "not sure"; 0 where it answers always.
    """

    model: Model
    standardizer: Standardizer
    labels: LabelSet
    audio: AudioConfig
    features: FeatureConfig
    model_config: ModelConfig
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    graph: bytes | None = None
    unsure_below: float = 0.0

    def save(self, folder: str | Path) -> Path:
        """Write the bundle to a folder that does not exist yet; nothing is left behind when writing fails.

        Raises:
            BundleError: the folder exists.
        """
        folder = Path(folder)
        files = {
            BUNDLE: self._description(),
            WEIGHTS: save_tensors(self._tensors()),
            CARD: self.card.encode(errors="surrogateescape"),  # names of files need not be text
        }
        if self.graph is not None:
            files[GRAPH] = self.graph
        write_files(folder, files)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "Bundle":
        """Read a bundle; no code in it is ever run.

        Raises:
            BundleError: not a bundle, a file missing or altered, another version, or weights that do not fit.
        """
        folder = Path(folder)
        files = read_files(folder)
        values = read_description(folder, files[BUNDLE])
        try:
            labels = LabelSet(tuple(values["labels"]["classes"]), values["labels"]["merges"])
            audio = validated(AudioConfig, values["audio"], "audio.")
            features = validated(FeatureConfig, values["features"], "features.")
            model_config = validated(ModelConfig, values["model"], "model.")
            model, standardizer = build(len(labels), audio, features, model_config)
            _fill(folder, model, standardizer, load_tensors(files[WEIGHTS]))
            provenance, scores, card = (
                values["provenance"],
                values["scores"],
                files[CARD].decode(errors="surrogateescape"),
            )
        except BundleError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError, MagtfnetError, SafetensorError) as error:
            raise BundleError(f"{folder}: does not fit this magtfnet ({error}); train it again") from error
        parts = (model.eval(), standardizer, labels, audio, features, model_config)
        return cls(*parts, provenance, scores, card, files.get(GRAPH), values["unsure_below"])

    def _description(self) -> bytes:
        values = {
            "format_version": FORMAT_VERSION,
            "labels": {"classes": list(self.labels.classes), "merges": dict(self.labels.merges)},
            "audio": to_plain(self.audio),
            "features": to_plain(self.features),
            "model": to_plain(self.model_config),
            "unsure_below": self.unsure_below,
            "provenance": self.provenance,
            "scores": self.scores,
        }
        return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"model": self.model, "standardizer": self.standardizer}
        return {
            f"{part}.{name}": tensor.detach().cpu().contiguous()
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }


def build(
    num_classes: int, audio: AudioConfig, features: FeatureConfig, model: ModelConfig
) -> tuple[Model, Standardizer]:
    """Return a fresh model whose inputs fit the front end, and a standardizer that changes nothing yet.

    Raises:
        UnknownNameError: no such model.
        ConfigError: a key or value that it refuses, or sizes that are the front end's to decide.
    """
    front_end = FrontEnd(audio, features)
    sizes = {
        "n_mels": features.log_mel.n_mels,
        "num_descriptors": len(front_end.descriptor_names),
        "num_functionals": len(front_end.functional_names),
    }
    for name in ("num_classes", *sizes):
        if name in model.overrides:
            raise ConfigError(
                f"configuration model.{name} follows from the labels and features; leave it away"
            )
    return create_model(model.name, num_classes=num_classes, **sizes, **model.overrides), Standardizer(
        *sizes.values()
    )


def _fill(folder: Path, model: Model, standardizer: Standardizer, tensors: Mapping[str, Tensor]) -> None:
    for part, module in (("model", model), ("standardizer", standardizer)):
        state = {
            name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")
        }
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise BundleError(
                f"{folder}: weights do not fit the {part} ({reason}); train it again"
            ) from error
        if not all(tensor.isfinite().all() for tensor in state.values()):
            raise BundleError(f"{folder}: weights of the {part} are not finite numbers; train it again")
