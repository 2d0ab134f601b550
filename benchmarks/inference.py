"""From a file to its label on one core, beside what else is run on a recording; and the start of the program."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.corpora import ABSENT, emodb_files
from benchmarks.front_end import by_librosa
from benchmarks.literal import LiteralMAGTFNet
from benchmarks.measure import alternately
from benchmarks.rows import Row, missing, versus
from magtfnet.audio import read_audio
from magtfnet.config import AudioConfig, FeatureConfig, ModelConfig
from magtfnet.labels import LabelSet
from magtfnet.recognizer import Bundle, EmotionRecognizer
from magtfnet.recognizer.bundle import build
from magtfnet.training.threads import threads

FILES = 20
EGEMAPS = "openSMILE's eGeMAPS functionals alone"
WHEEL = "the model in the wheel"
PEERS = {
    EGEMAPS: 8.0,
    "forward pass of wav2vec2-base": 80.0,
    "librosa and the literal model": None,
}


def rows() -> list[Row]:
    """Return the rows about inference."""
    every = emodb_files()
    files = every[:: max(1, len(every) // FILES)][:FILES]
    if not files:
        return [missing("file to label on one core", "≥ 8, ≥ 80", ABSENT)]
    with threads(1), threadpool_limits(1):
        return [*_against_peers(files), *_cold_starts(files[0])]


def bundle() -> Bundle:
    """Return a bundle of MAGTF-Net with fresh weights: what it says is of no use, how long it takes is."""
    torch.manual_seed(0)
    labels = LabelSet(("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"))
    parts = AudioConfig(), FeatureConfig(), ModelConfig()
    model, standardizer = build(len(labels), *parts)
    return Bundle(model.eval(), standardizer, labels, *parts)


def _against_peers(files: list[Path]) -> list[Row]:
    recognizer = EmotionRecognizer(bundle())
    things: dict[str, Callable[[], object]] = {"ours": lambda: [recognizer.predict(file) for file in files]}
    absent = {}
    for name, make in {
        EGEMAPS: _egemaps,
        "forward pass of wav2vec2-base": _wav2vec2,
        "librosa and the literal model": _literal,
    }.items():
        try:
            peer = make(recognizer)
        except ModuleNotFoundError as error:
            absent[name] = f"not measured: {error.name} is not installed"
            continue
        things[name] = lambda peer=peer: [peer(file) for file in files]
    shipped = EmotionRecognizer.load()
    things[WHEEL] = lambda: [shipped.predict(file) for file in files]
    timings = alternately(things)
    seconds = sum(read_audio(file).duration for file in files)
    found = []
    for name, goal in PEERS.items():
        what = f"file to label on one core, {name} : ours"
        if name in absent:
            found.append(missing(what, f"≥ {goal:g}" if goal else "", absent[name]))
        else:
            found.append(versus(what, timings[name], timings["ours"], goal, seconds, " a second of speech"))
    what = f"file to label on one core by {WHEEL}, {EGEMAPS} : ours"
    if EGEMAPS in absent:
        return [*found, missing(what, "", absent[EGEMAPS])]
    return [*found, versus(what, timings[EGEMAPS], timings[WHEEL], None, seconds, " a second of speech")]


def _egemaps(recognizer: EmotionRecognizer) -> Callable[[Path], object]:
    import opensmile

    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )
    return smile.process_file


def _wav2vec2(recognizer: EmotionRecognizer) -> Callable[[Path], object]:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    model = Wav2Vec2Model(Wav2Vec2Config()).eval()  # the sizes of "base" are the defaults

    def run(file: Path) -> object:
        with torch.inference_mode():
            return model(torch.from_numpy(read_audio(file).samples)[None])

    return run


def _literal(recognizer: EmotionRecognizer) -> Callable[[Path], object]:
    model = LiteralMAGTFNet(recognizer.bundle.model).eval()

    def run(file: Path) -> object:
        log_mel, _, functionals = by_librosa(read_audio(file).samples)
        with torch.inference_mode():
            return model(
                log_mel=torch.from_numpy(log_mel.astype(np.float32))[None],
                functionals=torch.from_numpy(functionals.astype(np.float32))[None],
                lengths=torch.tensor([len(log_mel)]),
            )

    _refuse_other_answers(recognizer, run)
    return run


def _refuse_other_answers(recognizer: EmotionRecognizer, run: Callable[[Path], torch.Tensor]) -> None:
    for file in emodb_files()[:3]:
        ours = torch.tensor(list(recognizer.predict(file).probabilities.values()))
        theirs = run(file)[0].softmax(dim=-1)
        if not torch.allclose(ours, theirs.to(ours.dtype), atol=1e-3):
            raise ValueError(f"{file.name}: ours says {ours.tolist()}, the literal model {theirs.tolist()}")


def _cold_starts(file: Path) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        predict = [sys.executable, "-m", "magtfnet", "predict"]
        saved = bundle().save(Path(folder) / "bundle")
        commands = {"MAGTF-Net by torch": [*predict, str(saved), str(file)], WHEEL: [*predict, str(file)]}
        timings = alternately(
            {
                name: lambda command=command: subprocess.run(command, check=True, capture_output=True)
                for name, command in commands.items()
            }
            | {"torch": lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True)}
        )
    torch_alone = timings.pop("torch")
    return [
        Row(
            f"cold start: `magtfnet predict` of one file, the whole process, {name}",
            f"{timing.median:.2f} s",
            "≤ 1.0 s",
            timing.median <= 1.0,
            f"{timing.cpu_median:.2f} s CPU (±{100 * timing.spread:.0f} %); "
            f"importing torch alone {torch_alone.median:.2f} s",
        )
        for name, timing in timings.items()
    ]
