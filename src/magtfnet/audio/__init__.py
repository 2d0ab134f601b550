"""Bytes to samples: the waveform with its rate, the only opener of files, the only changer of rates."""

from magtfnet.audio.io import read_audio as read_audio
from magtfnet.audio.prepare import prepare as prepare
from magtfnet.audio.resample import resample as resample
from magtfnet.audio.waveform import Waveform as Waveform
