"""Frames and their spectrum in operations that an exported graph has: gathers and matrix products.

ONNX has no unfolding, and what it has of Fourier transforms is not everywhere the same. The transform of n =
a * b samples is written as a transforms of b samples between b transforms of a (Cooley and Tukey, 1965), each
a small matrix: for 512 = 16 * 32 two fifths of the work of one matrix, and 20 KB in place of 1 MB in the file.
"""

import math

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
    real, imaginary = dft_by_products(frames)
    return real.square() + imaginary.square()


def dft_by_products(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of the DFT of real frames (B, T, n), each (B, T, n // 2 + 1).

    With sample s = b * i + j and frequency k = l + a * m::

        X[l + a m] = sum_j e(j m / b) e(j l / n) sum_i x[b i + j] e(i l / a),   e(z) = exp(-2 pi i z)
    """
    size = int(frames.shape[-1])  # of a tracer's shape the roots would be computed in float32
    a = max(divisor for divisor in range(1, math.isqrt(size) + 1) if size % divisor == 0)
    b, highest = size // a, size // 2 // a
    inner = _roots(a, a, a)  # (i, l)
    twiddles = _roots(b, a, size)  # (j, l)
    outer = _roots(b, highest + 1, b)  # (j, m)
    columns = frames.reshape(*frames.shape[:2], a, b).transpose(-1, -2)  # (B, T, j, i)
    real, imaginary = columns @ inner[0], columns @ inner[1]  # (B, T, j, l)
    turned = (
        real * twiddles[0] - imaginary * twiddles[1],
        real * twiddles[1] + imaginary * twiddles[0],
    )
    real, imaginary = (part.transpose(-1, -2) for part in turned)  # (B, T, l, j)
    x = real @ outer[0] - imaginary @ outer[1]
    y = real @ outer[1] + imaginary @ outer[0]  # (B, T, l, m)
    real, imaginary = (part.transpose(-1, -2).flatten(-2) for part in (x, y))  # (B, T, a * m + l)
    return real[..., : size // 2 + 1], imaginary[..., : size // 2 + 1]


def _roots(rows: int, columns: int, size: int) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts of exp(-2 pi i row column / size), float64 (rows, columns)."""
    products = torch.arange(rows).unsqueeze(1) * torch.arange(columns)
    angles = (products % size).double() * (-2 * math.pi / size)
    return torch.cos(angles), torch.sin(angles)
