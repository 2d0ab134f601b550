"""Other recordings that say the same: faster or slower, louder or softer, with noise behind them."""

from collections.abc import Callable

import numpy as np

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


CHANGES: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "slower": lambda waveform, generator: at_speed(waveform, 0.92),
    "faster": lambda waveform, generator: at_speed(waveform, 1.08),
    "noise": with_noise,
}
"""The copies that a training may add, by the names that ``training.copies`` knows."""
