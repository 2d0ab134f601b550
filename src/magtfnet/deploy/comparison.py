"""What 8 bits cost and save: both files on the same utterances of a corpus."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from magtfnet.audio import prepare
from magtfnet.audio.waveform import Samples
from magtfnet.corpora import Corpus, Utterance
from magtfnet.errors import LabelError
from magtfnet.evaluation.intervals import Interval, paired_bootstrap
from magtfnet.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.onnx_engine import OnnxEngine


@dataclass(frozen=True)
class FileScores:
    """One file on the corpus.

    Args:
        num_bytes: its size.
        milliseconds: of CPU for a second of speech, everything from the waveform on included.
        weighted_accuracy: WA.
        unweighted_accuracy: UA.
    """

    num_bytes: int
    milliseconds: float
    weighted_accuracy: float
    unweighted_accuracy: float


@dataclass(frozen=True)
class Comparison:
    """Two files on the same utterances.

    Args:
        utterances: how many.
        before: the file in 32 bits.
        after: the file in 8 bits.
        agreement: share of utterances that both give the same label.
        intervals: 95 % intervals of the change of ``WA`` and ``UA``, bootstrap over utterances; None for one utterance.
    """

    utterances: int
    before: FileScores
    after: FileScores
    agreement: float
    intervals: dict[str, Interval] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def prepared(utterances: Sequence[Utterance], engine: OnnxEngine) -> list[Samples]:
    """Return the waveforms of utterances as an engine takes them.

    Raises:
        AudioError: the first recording that cannot be used.
    """
    waveforms = (utterance.read() for utterance in utterances)
    return [
        prepare(waveform, engine.audio, utterance.path).samples
        for utterance, waveform in zip(utterances, waveforms, strict=True)
    ]


def compare(before: bytes, after: bytes, corpus: Corpus, progress: Progress = silent) -> Comparison:
    """Score two exported files of the same labels on a corpus.

    Args:
        before: the file in 32 bits.
        after: the file in 8 bits.
        corpus: whose emotions the model knows at least in part; the other utterances are left out.
        progress: told each utterance.

    Raises:
        LabelError: not one emotion is common to both.
        AudioError: a recording that cannot be used.
    """
    engines = [OnnxEngine(data, threads=1) for data in (before, after)]
    labels = engines[0].labels
    known = [utterance for utterance in corpus if utterance.emotion in labels]
    if not known:
        raise LabelError(
            f"no utterance of {corpus.name} has an emotion that the model knows ({', '.join(labels.classes)}); "
            "name another corpus"
        )
    predicted: list[list[int]] = [[], []]
    spent, seconds = [0.0, 0.0], 0.0
    for done, utterance in enumerate(known, start=1):
        waveforms = prepared([utterance], engines[0])
        seconds += len(waveforms[0]) / engines[0].audio.sample_rate
        for number, engine in enumerate(engines):
            start = time.process_time()  # on a shared machine the wall tells of others
            predicted[number].append(int(engine.probabilities(waveforms)[0].argmax()))
            spent[number] += time.process_time() - start
        progress("utterances by both files", done, len(known))
    truth = [labels.index(utterance.emotion) for utterance in known]
    scores = []
    for data, classes, took in zip((before, after), predicted, spent, strict=True):
        confusion = confusion_matrix(truth, classes, len(labels))
        accuracies = weighted_accuracy(confusion), unweighted_accuracy(confusion)
        scores.append(FileScores(len(data), 1000 * took / seconds, *accuracies))
    ids = [utterance.id for utterance in known]
    agreement = float(np.mean(np.equal(predicted[0], predicted[1])))
    intervals = paired_bootstrap(truth, predicted[0], predicted[1], ids, len(labels))
    return Comparison(len(known), scores[0], scores[1], agreement, intervals)
