"""Other recordings that say the same: at another speed or level, with noise, in a room, by telephone, in part."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magtfnet.audio.resample import resample
from magtfnet.audio.waveform import Waveform


def at_speed(waveform: Waveform, factor: float) -> Waveform:
    """Return the recording played ``factor`` times as fast, at its own rate: pitch and formants move along.

    Speed perturbation (Ko et al., Interspeech 2015).

    Args:
        waveform: any.
        factor: above 0; 1.1 is a tenth faster and higher.
    """
    played = Waveform(waveform.samples, round(waveform.sample_rate * factor))
    return resample(played, waveform.sample_rate)


def with_noise(waveform: Waveform, generator: np.random.Generator) -> Waveform:
    """Return the mono recording at another level, with noise 15 to 30 dB below it.

    The level changes by -10 to +6 dB; the power of the noise falls with frequency by an exponent between 0 (white)
    and 2 (brown).

    Args:
        waveform: mono (S,).
        generator: draws level, noise and its colour.
    """
    samples = waveform.samples.astype(np.float64)
    spectrum = np.fft.rfft(generator.standard_normal(len(samples)))
    colour = generator.uniform(0.0, 2.0)
    noise = np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** (-colour / 2), len(samples))
    signal_to_noise, gain = generator.uniform(15.0, 30.0), generator.uniform(-10.0, 6.0)
    power, of_noise = np.mean(samples**2), np.mean(noise**2)
    noise *= np.sqrt(power / np.maximum(of_noise, 1e-30) / 10 ** (signal_to_noise / 10))
    return Waveform(((samples + noise) * 10 ** (gain / 20)).astype(np.float32), waveform.sample_rate)


def in_a_room(waveform: Waveform, generator: np.random.Generator) -> Waveform:
    """Return the mono recording as a room would sound, at its own length and power.

    The room impulse response is noise that falls by 60 dB within 0.2 to 0.8 s; it begins 2 ms after the direct sound
    and lies 0 to 10 dB below it.

    Args:
        waveform: mono (S,).
        generator: draws the room.
    """
    rate, samples = waveform.sample_rate, waveform.samples.astype(np.float64)
    reverberation_seconds, direct_to_reverberant = generator.uniform(0.2, 0.8), generator.uniform(0.0, 10.0)
    seconds = np.arange(round(reverberation_seconds * rate)) / rate
    response = generator.standard_normal(len(seconds)) * 10 ** (-3 * seconds / reverberation_seconds)
    response[seconds < 0.002] = 0.0
    response *= 10 ** (-direct_to_reverberant / 20) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    points = len(samples) + len(response)
    reverberant = np.fft.irfft(np.fft.rfft(samples, points) * np.fft.rfft(response, points), points)[
        : len(samples)
    ]
    return _at_power_of(waveform, reverberant)


def by_telephone(waveform: Waveform) -> Waveform:
    """Return the mono recording within 300 to 3,400 Hz, in the 255 steps of mu-law (ITU-T G.711, its smooth curve)."""
    spectrum = np.fft.rfft(waveform.samples.astype(np.float64))
    hertz = np.fft.rfftfreq(waveform.num_samples, 1 / waveform.sample_rate)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0.0
    passed = np.fft.irfft(spectrum, waveform.num_samples)
    pressed = np.sign(passed) * np.log1p(255 * np.minimum(np.abs(passed), 1.0)) / np.log(256)
    stepped = np.round(127 * pressed) / 127
    line = np.sign(stepped) * (256 ** np.abs(stepped) - 1) / 255
    return Waveform(line.astype(np.float32), waveform.sample_rate)


def without_a_band(waveform: Waveform, generator: np.random.Generator) -> Waveform:
    """Return the mono recording without one band of 10 to 27 % of the mel scale.

    Band rejection (Kharitonov et al., SLT 2021): the counterpart in the waveform of SpecAugment's mask over frequencies
    (Park et al., Interspeech 2019), which fills bands of log-Mel with its mean; here every descriptor lacks the band.

    Args:
        waveform: mono (S,).
        generator: draws the band.
    """
    spectrum = np.fft.rfft(waveform.samples.astype(np.float64))
    hertz = np.fft.rfftfreq(waveform.num_samples, 1 / waveform.sample_rate)
    mel = np.log1p(hertz / 700) / np.log1p(waveform.sample_rate / 2 / 700)  # 0 to 1
    width = generator.uniform(0.1, 0.27)
    lowest = generator.uniform(0.0, 1 - width)
    spectrum[(mel >= lowest) & (mel < lowest + width)] = 0.0
    rest = np.fft.irfft(spectrum, waveform.num_samples)
    return Waveform(rest.astype(np.float32), waveform.sample_rate)


def excerpt(waveform: Waveform, generator: np.random.Generator) -> Waveform:
    """Return 50 to 90 % of the mono recording, from anywhere in it, but no less than 0.25 s of what there is.

    Args:
        waveform: mono (S,).
        generator: draws length and place.
    """
    shortest = min(waveform.num_samples, waveform.sample_rate // 4)
    length = max(round(generator.uniform(0.5, 0.9) * waveform.num_samples), shortest)
    start = int(generator.integers(0, waveform.num_samples - length, endpoint=True))
    return Waveform(waveform.samples[start : start + length], waveform.sample_rate)


def _at_power_of(waveform: Waveform, samples: npt.NDArray[np.float64]) -> Waveform:
    """Return samples with the mean power of a recording."""
    power, of_samples = np.mean(waveform.samples.astype(np.float64) ** 2), np.mean(samples**2)
    samples = samples * np.sqrt(power / np.maximum(of_samples, 1e-30))
    return Waveform(samples.astype(np.float32), waveform.sample_rate)


CHANGES: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "slower": lambda waveform, generator: at_speed(waveform, 0.92),
    "faster": lambda waveform, generator: at_speed(waveform, 1.08),
    "noise": with_noise,
    "room": in_a_room,
    "telephone": lambda waveform, generator: by_telephone(waveform),
    "band": without_a_band,
    "excerpt": excerpt,
}
"""The copies that a training may add, by the names that ``training.copies`` knows."""
