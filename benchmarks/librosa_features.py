"""The front end by librosa, the paper's own library, with the arguments that the paper and ``docs/paper.md`` give."""

import librosa
import numpy as np

RATE, N_FFT, WIN, HOP = 16_000, 512, 400, 160


def magnitudes(samples):
    """Return the magnitude of the transform (257, T), which all spectral features share."""
    return np.abs(librosa.stft(samples, n_fft=N_FFT, win_length=WIN, hop_length=HOP))


def log_mel_power(samples, magnitude=None):
    """Return power (T, M) in 40 Slaney mel bands."""
    magnitude = magnitudes(samples) if magnitude is None else magnitude
    return librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_fft=N_FFT, n_mels=40, power=2.0).T


def descriptors(samples, magnitude=None):
    """Return the twelve descriptors (T, 12)."""
    magnitude = magnitudes(samples) if magnitude is None else magnitude
    spectral = {"S": magnitude, "sr": RATE, "n_fft": N_FFT, "hop_length": HOP}
    centroid = librosa.feature.spectral_centroid(**spectral)
    rows = [
        librosa.feature.rms(y=samples, frame_length=N_FFT, hop_length=HOP),
        librosa.feature.zero_crossing_rate(samples, frame_length=N_FFT, hop_length=HOP),
        centroid,
        librosa.feature.spectral_bandwidth(**spectral, centroid=centroid),
        librosa.feature.spectral_rolloff(**spectral, roll_percent=0.85),
        librosa.feature.spectral_contrast(**spectral, fmin=100.0, n_bands=6),
    ]
    return np.concatenate(rows).T
