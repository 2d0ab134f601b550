"""A small synthetic corpus: syllables from a source and a filter, with the prosody of the emotion they are said in.

Not speech, but what prosody research finds of acted speech (Scherer, Speech Communication 2003; Juslin &
Laukka, Psychological Bulletin 2003): anger is loud, fast and bright, happiness high and lively, sadness low,
slow and dull. It serves demonstrations and tests where no recording may be shipped. The files can be written
in the layout of any registered corpus.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from magtfnet.corpora.base import CorpusInfo, Foreign, LeftOut, Utterance, register_corpus
from magtfnet.corpora.layouts import Spoken, checked_layout, is_female
from magtfnet.corpora.unwrapping import list_folder
from magtfnet.labels import Emotion

SAMPLE_RATE = 16_000
FILE_NAME = re.compile(r"(?P<speaker>s\d\d)_(?P<sentence>t\d\d)_(?P<emotion>[a-z]+)_\d\d\.wav")
DEFAULT_EMOTIONS = (Emotion.ANGER, Emotion.HAPPINESS, Emotion.NEUTRAL, Emotion.SADNESS)

INFO = CorpusInfo(
    name="synthetic",
    title="Synthetic syllables with emotional prosody, written by 'magtfnet synthesize'",
    licence="CC0-1.0",
    source="files such as s01_t03_anger_00.wav, written by 'magtfnet synthesize ROOT'",
    container="WAV",
    sample_rate=SAMPLE_RATE,
)


@register_corpus(INFO)
def read_synthetic(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of ``root`` in file-name order."""
    for path in list_folder(root, INFO.source):
        if path.suffix.lower() != ".wav":
            yield LeftOut(path, "not a WAV file")
            continue
        name = FILE_NAME.fullmatch(path.name)
        if name is None or name["emotion"] not in set(Emotion):
            yield Foreign(path, "not a name of the synthetic corpus", "a name such as s01_t03_anger_00.wav")
            continue
        yield Utterance(
            id=path.stem,
            path=path,
            emotion=name["emotion"],
            speaker=name["speaker"],
            sentence=name["sentence"],
            sex="female" if is_female(int(name["speaker"][1:]) - 1) else "male",
        )


@dataclass(frozen=True)
class Prosody:
    """How an emotion changes the voice: semitones, factors and decibels against neutral."""

    pitch: float
    pitch_range: float
    rate: float
    energy: float
    tilt: float  # share of the previous sample that the source keeps: the higher, the duller
    breath: float


PROSODY: dict[str, Prosody] = {
    Emotion.NEUTRAL: Prosody(0, 1.0, 1.0, 0, 0.80, 0.02),
    Emotion.ANGER: Prosody(4, 1.9, 1.20, 9, 0.45, 0.02),
    Emotion.HAPPINESS: Prosody(6, 2.4, 1.10, 5, 0.62, 0.02),
    Emotion.SADNESS: Prosody(-3, 0.5, 0.72, -8, 0.92, 0.05),
    Emotion.FEAR: Prosody(7, 1.2, 1.30, 1, 0.70, 0.08),
    Emotion.DISGUST: Prosody(-2, 1.3, 0.80, 1, 0.72, 0.06),
    Emotion.BOREDOM: Prosody(-2, 0.4, 0.80, -4, 0.86, 0.03),
    Emotion.CALM: Prosody(-1, 0.7, 0.88, -5, 0.88, 0.03),
    Emotion.SURPRISE: Prosody(8, 2.8, 1.00, 4, 0.66, 0.03),
    Emotion.EXCITEMENT: Prosody(6, 2.0, 1.25, 7, 0.52, 0.02),
    Emotion.FRUSTRATION: Prosody(1, 1.5, 0.95, 5, 0.58, 0.03),
}
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants in Hz (Peterson & Barney, JASA 1952)."""
BANDWIDTHS = (80, 100, 140)


def synthesize(spoken: Spoken, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return the samples (S,) of an utterance at 16 kHz, the same for the same arguments."""
    prosody = PROSODY[spoken.emotion]
    sentence = np.random.default_rng((seed, 1, spoken.sentence))
    voice = np.random.default_rng((seed, 2, spoken.speaker))
    place = sorted(PROSODY).index(spoken.emotion)
    chance = np.random.default_rng((seed, 3, spoken.speaker, spoken.sentence, place, spoken.take))
    female = is_female(spoken.speaker)
    base = (205.0 if female else 112.0) * 2 ** (voice.normal(0, 1.2) / 12)
    tract = (1.14 if female else 1.0) * (1 + 0.03 * voice.normal())
    base *= 2 ** ((prosody.pitch + chance.normal(0, 1.0)) / 12)
    syllables = int(sentence.integers(4, 8))
    pieces = []
    for i in range(syllables):
        vowel = VOWELS[int(sentence.integers(len(VOWELS)))]
        stress = float(sentence.uniform(-1, 1))
        seconds = float(sentence.uniform(0.13, 0.2)) / (prosody.rate * (1 + 0.06 * chance.normal()))
        decline = 1.5 * (0.5 - i / syllables)
        semitones = 2.0 * prosody.pitch_range * (stress + 0.4 * chance.normal()) + decline
        pieces.append(_consonant(sentence, chance))
        pieces.append(
            _vowel([f * tract for f in vowel], base * 2 ** (semitones / 12), seconds, stress, prosody, chance)
        )
    samples = np.concatenate(pieces)
    level = 0.08 * 10 ** ((prosody.energy + chance.normal(0, 1.0)) / 20)
    samples *= level / np.sqrt(np.mean(samples**2))
    samples += 5e-4 * chance.normal(size=len(samples))
    return np.clip(samples, -0.98, 0.98).astype(np.float32)


def _vowel(
    formants: Sequence[float],
    pitch: float,
    seconds: float,
    stress: float,
    prosody: Prosody,
    chance: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Pulses at the pitch, tilted, with breath, through a resonator for each formant (Klatt, JASA 1980)."""
    from scipy.signal import lfilter

    count = int(seconds * SAMPLE_RATE)
    time = np.linspace(0, 1, count)
    contour = pitch * (1 + 0.04 * prosody.pitch_range * np.sin(np.pi * time))
    contour *= 1 + 0.01 * chance.normal(size=count).cumsum() / np.sqrt(count)
    phase = np.cumsum(contour / SAMPLE_RATE)
    source = np.diff(np.floor(phase), prepend=0.0) + prosody.breath * chance.normal(size=count)
    for _ in range(2):
        source = lfilter([1 - prosody.tilt], [1, -prosody.tilt], source)
    for frequency, bandwidth in zip(formants, BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        poles = [1, -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE), radius**2]
        source = lfilter([sum(poles)], poles, source)
    envelope = np.sin(np.pi * np.clip(time, 0.02, 0.98)) ** 0.6 * (1 + 0.3 * stress)
    return np.asarray(source * envelope / (np.abs(source).max() + 1e-9), dtype=np.float64)


def _consonant(sentence: np.random.Generator, chance: np.random.Generator) -> npt.NDArray[np.float64]:
    """A burst of noise, or a short gap."""
    count = int(float(sentence.uniform(0.02, 0.06)) * SAMPLE_RATE)
    loudness = 0.12 if sentence.uniform() < 0.6 else 0.005
    noise = chance.normal(size=count + 1)
    return loudness * np.diff(noise) * np.hanning(count)


def write_corpus(
    root: Path,
    layout: str = "synthetic",
    *,
    speakers: int = 8,
    sentences: int = 5,
    emotions: Iterable[str] = DEFAULT_EMOTIONS,
    takes: int = 2,
    seed: int = 0,
) -> list[Path]:
    """Write every speaker, sentence, emotion and take as a 16-bit WAV file in a corpus's layout.

    Args:
        root: where; for ``table`` its ``table.csv`` is what the reader takes.
        layout: name of a registered corpus.
        speakers: how many; female and male in turn.
        sentences: how many.
        emotions: which.
        takes: how often each.
        seed: of voices, sentences and chance.

    Returns:
        the recordings in the order in which they were written.

    Raises:
        UnknownNameError: no such layout.
        ConfigError: the layout has no names for so many, or for an emotion.
    """
    emotions = [str(emotion) for emotion in emotions]
    form = checked_layout(layout, speakers=speakers, sentences=sentences, emotions=emotions, takes=takes)
    said = [
        Spoken(speaker, sentence, emotion, take)
        for speaker in range(speakers)
        for sentence in range(sentences)
        for emotion in emotions
        for take in range(takes)
    ]
    written = [root / form.path(spoken) for spoken in said]
    for spoken, path in zip(said, written, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, synthesize(spoken, seed), SAMPLE_RATE, subtype="PCM_16")
    if form.labels is not None:
        form.labels(root, list(zip(said, written, strict=True)))
    return written
