"""Where live samples come from: a microphone, or a recording that plays its part."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magtfnet.audio.blocks import open_recording
from magtfnet.audio.waveform import Samples
from magtfnet.errors import MicrophoneError, MissingExtraError

PIECE_SECONDS = 0.1


@dataclass(frozen=True)
class Source:
    """Samples as they come.

    Args:
        name: what is heard.
        sample_rate: in Hz.
        pieces: samples, (S,) or (channels, S), for as long as there are any.
    """

    name: str
    sample_rate: int
    pieces: Iterator[Samples]


@contextmanager
def played(path: Path, speed: float = 1.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[Source]:
    """Give a recording as a microphone would give it.

    Args:
        path: the recording.
        speed: 1 as it was spoken, 2 twice as fast, 0 without waiting.
        sleep: waits for so many seconds.

    Raises:
        AudioError: a recording that cannot be used.
    """
    with open_recording(path) as recording:

        def pieces() -> Iterator[Samples]:
            for block in recording.blocks(PIECE_SECONDS):
                if speed > 0:
                    sleep(block.shape[-1] / recording.sample_rate / speed)
                yield block

        yield Source(str(path), recording.sample_rate, pieces())


@contextmanager
def recorded(device: str | None = None) -> Iterator[Source]:
    """Give what a microphone hears, one channel at its own rate.

    Args:
        device: its number or a part of its name; the system's own where not given.

    Raises:
        MicrophoneError: there is none, or it cannot be opened.
        MissingExtraError: sounddevice is not installed.
    """
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise MissingExtraError("sounddevice", "listen") from error
    except OSError as error:  # it is there, and PortAudio is not
        raise MicrophoneError(
            f"no microphone can be heard ({error}); install PortAudio, or use --file"
        ) from error
    waiting: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()

    def heard(samples: Samples, *_: Any) -> None:
        waiting.put(samples[:, 0].copy())

    chosen: int | str | None = int(device) if device is not None and device.isdigit() else device
    opened = ExitStack()
    try:
        found = sounddevice.query_devices(chosen, "input")
        rate = int(found["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=rate,
            blocksize=round(rate * PIECE_SECONDS),
            device=chosen,
            channels=1,
            dtype="float32",
            callback=heard,
            finished_callback=lambda: waiting.put(None),  # it was unplugged
        )
        opened.enter_context(stream)  # which starts it
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MicrophoneError(
            f"no microphone can be heard ({' '.join(str(error).split())}); "
            "plug one in, name another --device, or use --file"
        ) from error
    with opened:
        yield Source(str(found["name"]), rate, _until_the_end(waiting))


def _until_the_end(waiting: "queue.SimpleQueue[Samples | None]") -> Iterator[Samples]:
    while (piece := waiting.get()) is not None:
        yield piece
