"""Frames and their spectrum in operations that an exported graph has: gathers and matrix products.

ONNX has no unfolding, and what it has of Fourier transforms is not everywhere the same. The transform of n =
a * b samples is written as a transforms of b samples between b transforms of a (Cooley and Tukey, 1965), each
a small matrix: for 512 = 32 * 16 an eighth of the work of one matrix, and 20 KB in place of 1 MB in the file.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def gathered_frames(padded: Tensor, frame_length: int, hop_length: int) -> Tensor:
    """Return (B, T, frame_length): what unfolding ``padded`` (B, S + frame_length) gives.

    Gathered in blocks of which frames and hops are whole numbers.
    """
    block = math.gcd(frame_length, hop_length)
    blocks = padded[:, : padded.shape[1] // block * block].reshape(padded.shape[0], -1, block)
    count = 1 + (padded.shape[1] - frame_length) // hop_length
    firsts = torch.arange(count).unsqueeze(1) * (hop_length // block)
    frames: Tensor = blocks[:, firsts + torch.arange(frame_length // block)].flatten(2)
    return frames


def power_by_products(frames: Tensor) -> Tensor:
    """Return |DFT|^2 of real frames (B, T, n) at the frequencies up to half the rate, (B, T, n // 2 + 1)."""
    size = int(frames.shape[-1])  # of a tracer's shape the roots would be computed in float32
    a, b = _factors(size)
    real, imaginary = _roots(b, b, b)  # (j, m)
    both = torch.cat((torch.cat((real, imaginary), dim=1), torch.cat((-imaginary, real), dim=1)))
    x, y = (_columns(frames, a, b) @ both).chunk(2, dim=-1)  # (B, T, l, m)
    power: Tensor = (x.square() + y.square()).flatten(-2)
    return power[..., torch.from_numpy(_places(size // 2 + 1, a, b))]


def even_dft_by_products(frames: Tensor, count: int) -> Tensor:
    """Return the first ``count`` values of the DFT, which is real, of real and even frames (B, T, n)."""
    a, b = _factors(int(frames.shape[-1]))
    places = _places(count, a, b)
    wanted, among_wanted = np.unique(places % b, return_inverse=True)  # few of all m
    real, imaginary = _roots(b, b, b)
    columns = torch.cat((real, -imaginary))[:, torch.from_numpy(wanted)]
    x: Tensor = (_columns(frames, a, b) @ columns).flatten(-2)  # (B, T, l * m)
    return x[..., torch.from_numpy(places // b * len(wanted) + among_wanted)]


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


def _columns(frames: Tensor, a: int, b: int) -> Tensor:
    """Return what is left to sum over j of the DFT of real frames (B, T, a * b), (B, T, a // 2 + 1, 2 * b).

    With sample s = b * i + j and frequency k = l + a * m::

        X[l + a m] = sum_j e(j m / b) e(j l / n) sum_i x[b i + j] e(i l / a),   e(z) = exp(-2 pi i z)

    the real parts of what e(j m / b) is multiplied by stand before the imaginary parts. As the samples are real, l up
    to half of a is enough.
    """
    half = a // 2 + 1
    inner = torch.cat(_roots(a, half, a), dim=1)  # (i, 2 l)
    twiddles = _roots(b, half, a * b)  # (j, l)
    columns = frames.reshape(*frames.shape[:2], a, b).transpose(-1, -2)  # (B, T, j, i)
    real, imaginary = (columns @ inner).chunk(2, dim=-1)  # (B, T, j, l)
    turned = (
        real * twiddles[0] - imaginary * twiddles[1],
        real * twiddles[1] + imaginary * twiddles[0],
    )
    return torch.cat(turned, dim=-2).transpose(-1, -2)


def _roots(rows: int, columns: int, size: int) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts of exp(-2 pi i row column / size), float64 (rows, columns)."""
    products = torch.arange(rows).unsqueeze(1) * torch.arange(columns)
    angles = (products % size).double() * (-2 * math.pi / size)
    return torch.cos(angles), torch.sin(angles)
