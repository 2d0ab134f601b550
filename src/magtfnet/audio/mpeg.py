"""How long an MP3 is: its frames are counted, since nothing in it need say so.

libsndfile believes a tag in the first frame (Xing, Info or VBRI) and, without one, takes the bit rate of the first
frames for that of all. So the second of two files behind one another is not heard, and a stream of varying bit rate
is cut or called truncated. A frame's header gives its length: ISO/IEC 11172-3, section 2.4.1.3, and 13818-3.
"""

from dataclasses import dataclass

from magtfnet.audio.containers import Bytes

FRAME = 1152
"""Samples of a frame; below 32 kHz half as many."""
SEARCHED = 2**16
"""Bytes before the first frame that are looked through: a stream may be caught in the midst of one."""
BLOCK = 2**20
TAGGED = 200
"""Bytes of the first frame in which its tag begins."""
TAGS = (b"Xing", b"Info", b"VBRI")
KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""In Hz, by the version's two bits: MPEG-1, MPEG-2 and 2.5."""


@dataclass(frozen=True)
class Counted:
    """What an MP3 holds.

    Attributes:
        num_samples: in each channel, in all frames that follow one another.
        tagged: whether its first frame says how many they are.
    """

    num_samples: int
    tagged: bool


def count_samples(data: Bytes) -> Counted | None:
    """Return what an MP3 holds; None where no two frames follow one another."""
    position = _first_frame(data)
    if position is None:
        return None
    begins = data[position : position + TAGGED]
    tagged = any(tag in begins for tag in TAGS)
    counted, first, block = 0, 0, b""
    while True:
        if not first <= position <= first + len(block) - TAGGED:
            first, block = position, data[position : position + BLOCK]
        here = block[position - first : position - first + 10]
        size, samples = _frame(here)
        if not size:
            size = _tag_between(here)
            if not size:
                break
        counted += samples
        position += size
    return Counted(counted - (FRAME if tagged else 0), tagged)


def _first_frame(data: Bytes) -> int | None:
    """Return where the first of two frames begins that follow one another."""
    begin = 0
    while size := _tag_between(data[begin : begin + 10]):
        begin += size
    looked = data[begin : begin + SEARCHED]
    for place in range(len(looked) - 3):
        if looked[place] == 0xFF:
            size, _ = _frame(looked[place : place + 4])
            if size and _frame(data[begin + place + size : begin + place + size + 4])[0]:
                return begin + place
    return None


def _frame(header: bytes) -> tuple[int, int]:
    """Return the bytes and samples of the layer III frame that begins so; none where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0, 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kilobits, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or kilobits in (0, 15) or rate == 3:
        return 0, 0
    is_first = version == 3
    samples = FRAME if is_first else FRAME // 2
    bits = 1000 * KILOBITS[is_first][kilobits - 1]
    return samples // 8 * bits // RATES[version][rate] + padding, samples


def _tag_between(begins: bytes) -> int:
    """Return the bytes of an ID3 tag that begins so, of either version; 0 where none does."""
    if begins[:3] == b"ID3" and len(begins) == 10:
        size = sum((byte & 127) << shift for byte, shift in zip(begins[6:], (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if begins[5] & 0x10 else 0)
    return 128 if begins[:3] == b"TAG" else 0
