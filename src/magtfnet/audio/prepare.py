"""From any recording to what the front end takes: mixing down and resampling, as the configuration says."""

from pathlib import Path

import numpy as np

from magtfnet.audio.blocks import OpenRecording
from magtfnet.audio.resample import ResampledStream, resample
from magtfnet.audio.waveform import Waveform
from magtfnet.config import AudioConfig
from magtfnet.errors import AudioPolicyError

BLOCK_SECONDS = 1.0
"""Of a recording that is prepared block by block."""


def prepare(waveform: Waveform, config: AudioConfig, source: Path | str = "waveform") -> Waveform:
    """Return the waveform as mono (S,) at the configured rate.

    Raises:
        AudioPolicyError: a channel count or rate that the configuration refuses to change.
    """
    mono = mix_down(waveform, config.channels, source)
    _refuse_rate(mono.sample_rate, config, source)
    return resample(mono, config.sample_rate, config.resampling)


def prepare_blocks(recording: OpenRecording, config: AudioConfig) -> Waveform:
    """Return an open recording as ``prepare`` does, read block by block.

    Only the mono samples at the configured rate are ever whole in memory, whatever rate and channels a file claims.

    Raises:
        AudioError: a recording that cannot be used, at whatever block that shows.
    """
    _refuse_rate(recording.sample_rate, config, recording.name)
    resampled = ResampledStream(recording.sample_rate, config.sample_rate, config.resampling)
    parts = [
        resampled.push(
            mix_down(Waveform(block, recording.sample_rate), config.channels, recording.name).samples
        )
        for block in recording.blocks(BLOCK_SECONDS)
    ]
    return Waveform(np.concatenate([*parts, resampled.finish()]), config.sample_rate)


def _refuse_rate(sample_rate: int, config: AudioConfig, source: Path | str) -> None:
    if sample_rate != config.sample_rate and config.resampling == "refuse":
        raise AudioPolicyError(
            source,
            f"sample rate {sample_rate} Hz, expected {config.sample_rate} Hz",
            "resample it, or set audio.resampling to soxr_hq",
        )


def mix_down(waveform: Waveform, policy: str, source: Path | str = "waveform") -> Waveform:
    """Return one channel by the policy: ``mean`` of all, the ``first``, the ``second``, or ``refuse`` to choose."""
    if waveform.num_channels == 1:
        return Waveform(waveform.samples.reshape(-1), waveform.sample_rate)
    if policy == "refuse":
        raise AudioPolicyError(
            source,
            f"{waveform.num_channels} channels, expected 1",
            "set audio.channels to mean, first or second",
        )
    if policy == "mean":
        return Waveform(waveform.samples.mean(axis=0, dtype=np.float64), waveform.sample_rate)
    return Waveform(waveform.samples[("first", "second").index(policy)], waveform.sample_rate)
