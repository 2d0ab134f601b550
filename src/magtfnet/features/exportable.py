"""Frames and their spectrum in operations that an exported graph has: gathers, matrix products, and a loop.

ONNX has no unfolding, and what it has of Fourier transforms is not everywhere the same. The transform of n =
a * b samples is written as a transforms of b samples between b transforms of a (Cooley and Tukey, 1965), each
a small matrix: for 512 = 32 * 16 a seventh of the products of one matrix, and 23 KB in place of 2 MB in the file.

The loop takes some frames a turn, so that their spectra need no more memory in a long recording than in a short one.
Only scripted code stays a loop in a graph, and while a graph is traced it is given plain tuples alone.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FRAMES_A_TURN = 256


Tables = tuple[Tensor, Tensor, Tensor, Tensor]
"""What a transform of size a * b multiplies by, and where it finds its result.

    inner: (a, 2 l), the roots of order a; real parts before imaginary parts.
    twiddles: (2, b, l), the turns between both transforms.
    outer: (2 b, columns), the roots of order b.
    places: where among (l, m) or (l, columns) each wanted frequency lies.
"""
Framing = tuple[Tensor, Tensor, Tensor, Tensor, int]
"""Frames that are yet to be gathered.

    blocks: samples (B, N, block), of which frames and hops are whole numbers.
    firsts: each frame's first block (T,).
    offsets: of a frame's blocks to its first.
    turns: how many there are.
    frames a turn.
"""


def power_tables(size: int) -> Tables:
    """Return what gives |DFT|^2 of ``size`` real samples at the frequencies up to half the rate."""
    a, b = _factors(size)
    real, imaginary = _roots(b, b, b)  # (j, m)
    both = torch.cat((torch.cat((real, imaginary), dim=1), torch.cat((-imaginary, real), dim=1)))
    return *_inner(a, b), both, torch.from_numpy(_places(size // 2 + 1, a, b))


def even_tables(size: int, count: int) -> Tables:
    """Return what gives the first ``count`` values of the DFT, which is real, of ``size`` real and even samples."""
    a, b = _factors(size)
    places = _places(count, a, b)
    wanted, among_wanted = np.unique(places % b, return_inverse=True)  # few of all m
    real, imaginary = _roots(b, b, b)
    columns = torch.cat((real, -imaginary))[:, torch.from_numpy(wanted)]
    return *_inner(a, b), columns, torch.from_numpy(places // b * len(wanted) + among_wanted)


def power_of_tables(frames: Tensor, tables: Tables) -> Tensor:
    """Return the power (B, T, n // 2 + 1) of real frames (B, T, n) by ``power_tables``; scriptable."""
    inner, twiddles, outer, places = tables
    x, y = transformed(frames, inner, twiddles, outer).chunk(2, dim=-1)  # (B, T, l, m)
    return (x.square() + y.square()).flatten(-2).index_select(-1, places)


def even_of_tables(frames: Tensor, tables: Tables) -> Tensor:
    """Return the DFT (B, T, count) of real and even frames (B, T, n) by ``even_tables``; scriptable."""
    inner, twiddles, outer, places = tables
    return transformed(frames, inner, twiddles, outer).flatten(-2).index_select(-1, places)


def transformed(frames: Tensor, inner: Tensor, twiddles: Tensor, outer: Tensor) -> Tensor:
    """Return the DFT of real frames (B, T, a * b) as (B, T, l, columns of ``outer``); scriptable.

    With sample s = b * i + j and frequency k = l + a * m::

        X[l + a m] = sum_j e(j m / b) e(j l / n) sum_i x[b i + j] e(i l / a),   e(z) = exp(-2 pi i z)

    the real parts of what e(j m / b) is multiplied by stand before the imaginary parts. As the samples are real, l up
    to half of a is enough.
    """
    a, b = inner.shape[0], twiddles.shape[1]
    columns = frames.reshape(frames.shape[0], frames.shape[1], a, b).transpose(-1, -2)  # (B, T, j, i)
    real, imaginary = torch.matmul(columns, inner).chunk(2, dim=-1)  # (B, T, j, l)
    turned = torch.cat(
        (
            real * twiddles[0] - imaginary * twiddles[1],
            real * twiddles[1] + imaginary * twiddles[0],
        ),
        dim=-2,
    )
    return torch.matmul(turned.transpose(-1, -2), outer)


def framing(padded: Tensor, frame_length: int, hop_length: int) -> Framing:
    """Return the frames that unfolding ``padded`` (B, S + frame_length) gives, yet to be gathered."""
    block = math.gcd(frame_length, hop_length)
    blocks = padded[:, : padded.shape[1] // block * block].reshape(padded.shape[0], -1, block)
    count = 1 + (padded.shape[1] - frame_length) // hop_length
    firsts = torch.arange(count) * (hop_length // block)
    # Counted, since the exporter would take a size for the constant that it was in the example.
    turns = ((firsts == firsts).sum() + FRAMES_A_TURN - 1) // FRAMES_A_TURN
    return blocks, firsts, torch.arange(frame_length // block), turns, FRAMES_A_TURN


def gathered(blocks: Tensor, firsts: Tensor, offsets: Tensor) -> Tensor:
    """Return the frames (B, T, frame_length) that begin at the blocks ``firsts`` (T,); scriptable."""
    return blocks[:, firsts.unsqueeze(1) + offsets].flatten(2)


def frames_of_turn(framed: Framing, turn: int) -> Tensor:
    """Return the frames (B, at most frames a turn, frame_length) of one turn; scriptable."""
    blocks, firsts, offsets, _, a_turn = framed
    return gathered(blocks, firsts[turn * a_turn : (turn + 1) * a_turn], offsets)


def gathered_frames(padded: Tensor, frame_length: int, hop_length: int) -> Tensor:
    """Return (B, T, frame_length): what unfolding ``padded`` (B, S + frame_length) gives."""
    return gathered(*framing(padded, frame_length, hop_length)[:3])


def windowed_power(padded: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """Return the power (B, T, n // 2 + 1) of the frames of ``padded`` (B, S + n) under a window (n,)."""
    framed = framing(padded, len(window), hop_length)
    power: Tensor = _scripted_power(framed, window, power_tables(len(window)))
    return power


def _power_in_turns(framed: Framing, window: Tensor, tables: Tables) -> Tensor:
    powers = []
    for turn in range(int(framed[3])):
        powers.append(power_of_tables(frames_of_turn(framed, turn) * window, tables))
    return torch.cat(powers, dim=1)


_scripted_power = torch.jit.script_if_tracing(_power_in_turns)  # type: ignore[no-untyped-call]


def _factors(size: int) -> tuple[int, int]:
    """Return a >= b, as near to each other as can be, of which ``size`` is the product."""
    b = max(divisor for divisor in range(1, math.isqrt(size) + 1) if size % divisor == 0)
    return size // b, b


def _places(count: int, a: int, b: int) -> npt.NDArray[np.int64]:
    """Return where frequencies l + a m from 0 on lie among (l, m) of l <= a // 2.

    In the place of a greater l there is that of the conjugate, of the frequency as far below 0.
    """
    frequencies = np.arange(count)
    found = np.where(frequencies % a <= a // 2, frequencies, a * b - frequencies)
    places: npt.NDArray[np.int64] = found % a * b + found // a
    return places


def _inner(a: int, b: int) -> tuple[Tensor, Tensor]:
    """Return ``inner`` and ``twiddles`` of ``Tables``."""
    half = a // 2 + 1
    return torch.cat(_roots(a, half, a), dim=1), torch.stack(_roots(b, half, a * b))


def _roots(rows: int, columns: int, size: int) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts of exp(-2 pi i row column / size), float64 (rows, columns)."""
    products = torch.arange(rows).unsqueeze(1) * torch.arange(columns)
    angles = (products % size).double() * (-2 * math.pi / size)
    return torch.cos(angles), torch.sin(angles)
