"""Speech emotion recognition with MAGTF-Net, from the waveform to the emotion.

The public names are loaded on first use, so that ``import magtfnet`` is quick and needs no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# onnxruntime from 1.29 on tells its maker of each process, unless this is set before it is loaded
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from magtfnet.audio import Waveform as Waveform
    from magtfnet.audio import read_audio as read_audio
    from magtfnet.config import ExperimentConfig as ExperimentConfig
    from magtfnet.config import load_config as load_config
    from magtfnet.corpora import Corpus as Corpus
    from magtfnet.corpora import Split as Split
    from magtfnet.corpora import Utterance as Utterance
    from magtfnet.corpora import load_corpus as load_corpus
    from magtfnet.corpora import protocols as protocols
    from magtfnet.experiments import evaluate as evaluate
    from magtfnet.experiments import train as train
    from magtfnet.features import LogMel as LogMel
    from magtfnet.features import LowLevelDescriptors as LowLevelDescriptors
    from magtfnet.models import create_model as create_model
    from magtfnet.models import list_models as list_models
    from magtfnet.prediction import Prediction as Prediction
    from magtfnet.recognizer import Bundle as Bundle
    from magtfnet.recognizer import EmotionRecognizer as EmotionRecognizer
    from magtfnet.recognizer.streaming import StreamingRecognizer as StreamingRecognizer
    from magtfnet.timeline import Timeline as Timeline
    from magtfnet.timeline import TimelineSettings as TimelineSettings

__version__ = "0.1.0"

_ERRORS = (
    "AudioError",
    "AudioFolderError",
    "AudioNotFoundError",
    "AudioPolicyError",
    "BundleError",
    "ConfigError",
    "CorpusCountError",
    "CorpusError",
    "CorpusLayoutError",
    "CorpusRootError",
    "DivergenceError",
    "DownloadError",
    "DurationError",
    "EmptyAudioError",
    "ExplainError",
    "ExportError",
    "HubError",
    "InvalidSamplesError",
    "LabelError",
    "LeakError",
    "MagtfnetError",
    "MicrophoneError",
    "MissingExtraError",
    "ResultsError",
    "RunDirectoryError",
    "ServiceError",
    "SplitError",
    "StorageError",
    "StreamError",
    "TimelineError",
    "TruncatedAudioError",
    "UnknownNameError",
    "UnreadableAudioError",
    "WorkerError",
)

_HOMES = {
    "Bundle": "magtfnet.recognizer",
    "Corpus": "magtfnet.corpora",
    "EmotionRecognizer": "magtfnet.recognizer",
    "ExperimentConfig": "magtfnet.config",
    "LogMel": "magtfnet.features",
    "LowLevelDescriptors": "magtfnet.features",
    "Prediction": "magtfnet.prediction",
    "Split": "magtfnet.corpora",
    "StreamingRecognizer": "magtfnet.recognizer.streaming",
    "Timeline": "magtfnet.timeline",
    "TimelineSettings": "magtfnet.timeline",
    "Utterance": "magtfnet.corpora",
    "Waveform": "magtfnet.audio",
    "create_model": "magtfnet.models",
    "evaluate": "magtfnet.experiments",
    "list_models": "magtfnet.models",
    "load_config": "magtfnet.config",
    "load_corpus": "magtfnet.corpora",
    "protocols": "magtfnet.corpora",
    "read_audio": "magtfnet.audio",
    "train": "magtfnet.experiments",
    **dict.fromkeys(_ERRORS, "magtfnet.errors"),
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'magtfnet' has no attribute '{name}'")
    try:
        home = import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        from magtfnet.errors import MissingExtraError

        if error.name is None or error.name.startswith("magtfnet"):
            raise
        raise MissingExtraError(error.name, "train") from error
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
