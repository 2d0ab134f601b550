"""The front end by librosa, the paper's own library, with the arguments that the paper and ``docs/paper.md`` give."""

import librosa
import numpy as np

RATE, N_FFT, WIN, HOP = 16_000, 512, 400, 160


def log_mel_power(samples):
    """Return power (T, M) in 40 Slaney mel bands."""
    return librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=N_FFT, win_length=WIN, hop_length=HOP, n_mels=40, power=2.0
    ).T


def descriptors(samples):
    """Return the twelve descriptors (T, 12)."""
    magnitude = np.abs(librosa.stft(samples, n_fft=N_FFT, win_length=WIN, hop_length=HOP))
    spectral = {"S": magnitude, "sr": RATE, "n_fft": N_FFT, "hop_length": HOP}
    rows = [
        librosa.feature.rms(y=samples, frame_length=N_FFT, hop_length=HOP),
        librosa.feature.zero_crossing_rate(samples, frame_length=N_FFT, hop_length=HOP),
        librosa.feature.spectral_centroid(**spectral),
        librosa.feature.spectral_bandwidth(**spectral),
        librosa.feature.spectral_rolloff(**spectral, roll_percent=0.85),
        librosa.feature.spectral_contrast(**spectral, fmin=100.0, n_bands=6),
    ]
    return np.concatenate(rows).T
