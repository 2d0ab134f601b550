"""Convolution of feature maps through Fourier transforms of tiles: what a CPU learns fastest where channels are many.

A map is cut into tiles along its columns that overlap by the kernel (overlap-save). The transforms of a tile and of
the kernel make of a convolution a product over the channels at each pair of waves; a complex product is three real
ones (Gauss). Everything else is linear and by small matrices, as in Winograd's algorithm but with about the rounding
of plain convolution. For kernels of 3 x 5 over 10 rows the products over the channels are a seventh.

Mathieu, Henaff, LeCun: "Fast training of convolutional networks through FFTs", ICLR 2014; for the form Lavin, Gray:
"Fast algorithms for convolutional neural networks", CVPR 2016.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

COLUMNS_OF_A_TILE = 22
FEWEST_CHANNELS = 64
"""Below, the transforms take longer than the products that they save."""

# (a + ib)(c + id) by three products: of (a + b, a, b) and (c, d - c, c + d)
_FACTORS = torch.tensor([[1, 1], [1, 0], [0, 1]], dtype=torch.float64)
_KERNEL_FACTORS = torch.tensor([[1, 0], [-1, 1], [1, 1]], dtype=torch.float64)
_COMPLEX = torch.tensor([[1, 0, -1], [1, 1, 0]], dtype=torch.float64)


def convolve_same(feature_map: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``conv2d`` with as many rows and columns as came in, by Fourier transforms where that learns faster.

    That is on a CPU, in full precision, while gradients are recorded, from 64 channels. The results differ by
    rounding; its gradients have none of their own.

    Args:
        feature_map: (S, C, M, T).
        weight: (O, C, rows, columns), rows and columns odd.
        bias: (O,).

    Returns:
        (S, O, M, T).
    """
    pays = (
        torch.is_grad_enabled()
        and feature_map.device.type == "cpu"
        and feature_map.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled("cpu")
        and min(weight.shape[:2]) >= FEWEST_CHANNELS
    )
    rows, columns = weight.shape[2:]
    if not pays:
        return functional.conv2d(feature_map, weight, bias, padding=(rows // 2, columns // 2))
    plan = plan_for(*feature_map.shape[2:], rows, columns, feature_map.dtype)
    convolved: Tensor = _FourierConvolution.apply(feature_map, weight, bias, plan)  # type: ignore[no-untyped-call]
    return convolved


class _FourierConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, feature_map: Tensor, weight: Tensor, bias: Tensor, plan: "FourierPlan") -> Tensor:
        spectra = plan.spectra(feature_map.permute(0, 2, 3, 1))
        ctx.save_for_backward(spectra, weight)
        ctx.plan = plan
        products = spectra.new_empty(*spectra.shape[:2], weight.shape[0])
        torch.bmm(spectra.transpose(0, 1), plan.of_kernel(weight), out=products.transpose(0, 1))
        return plan.convolved(products).add_(bias).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        spectra, weight = ctx.saved_tensors
        plan: FourierPlan = ctx.plan
        values = gradient.permute(0, 2, 3, 1)
        to_products = plan.convolved_backward(values)
        to_weight = plan.of_kernel_backward(
            torch.bmm(spectra.permute(1, 2, 0), to_products.transpose(0, 1)), weight
        )
        to_map = None
        if ctx.needs_input_grad[0]:
            kernel = plan.of_kernel(weight).transpose(1, 2)
            to_spectra = torch.empty_like(spectra)
            torch.bmm(to_products.transpose(0, 1), kernel, out=to_spectra.transpose(0, 1))
            to_map = plan.spectra_backward(to_spectra).permute(0, 3, 1, 2)
        return to_map, to_weight, values.sum(dim=(0, 1, 2)), None


@dataclass(frozen=True)
class Wave:
    """A wave down the rows with all waves along a tile.

    Attributes:
        products: which are of this wave, P in number.
        parts: the part of its cosine and, unless the wave is real, of its sine: the part's number, the matrix from
            a tile to products (P, length) and the one from products to the tile's columns (step, P).
    """

    products: slice
    parts: tuple[tuple[int, Tensor, Tensor], ...]


@dataclass(frozen=True)
class FourierPlan:
    """The matrices for maps and kernels of one size, and what is done with them.

    Maps are (S, M, T, channels) here, spectra and products (S * tiles, products, channels). Each method with
    ``_backward`` is the transpose of its namesake.

    Attributes:
        columns: of a map, T.
        tiles: of a row.
        step: columns that a tile gives.
        length: columns that a tile sees.
        to_parts: (parts, M); a part is a cosine or a sine down the rows.
        from_parts: (M, parts).
        waves: down the rows.
        kernel: (products, rows * columns of the kernel).
    """

    columns: int
    tiles: int
    step: int
    length: int
    to_parts: Tensor
    from_parts: Tensor
    waves: tuple[Wave, ...]
    kernel: Tensor

    def of_kernel(self, weight: Tensor) -> Tensor:
        """Map a weight (O, C, rows, columns) to its products (products, C, O)."""
        outputs, inputs = weight.shape[:2]
        return (self.kernel @ weight.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)).view(-1, inputs, outputs)

    def of_kernel_backward(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Map (products, C, O) to a gradient that is shaped like the weight."""
        outputs, inputs, rows, columns = weight.shape
        return (self.kernel.T @ gradient.flatten(1)).view(rows, columns, inputs, outputs).permute(3, 2, 0, 1)

    def spectra(self, values: Tensor) -> Tensor:
        """Map maps to the spectra of their tiles."""
        maps, rows, columns, channels = values.shape
        overlap = self.length - self.step
        memory = values.new_empty((len(self.to_parts) * maps * self.tiles * self.step + overlap) * channels)
        parts = memory[: -overlap * channels or None].view(len(self.to_parts), maps, -1)
        inner = self._inner(channels)
        parts[:, :, : inner.start] = 0
        parts[:, :, inner.stop :] = 0
        memory[parts.numel() :] = 0
        rest = values.reshape(maps, rows, columns * channels)
        _add_up(parts.transpose(0, 1)[:, :, inner], [(self.to_parts, rest)])
        spectra = values.new_empty(maps * self.tiles, len(self.kernel), channels)
        seen, apart = (maps * self.tiles, self.length, channels), (self.step * channels, channels, 1)
        for wave in self.waves:
            # a tile sees the beginning of the next, the last of a row the zeros before the next row
            tiles = ((into, parts[part].as_strided(seen, apart)) for part, into, _ in wave.parts)
            _add_up(spectra[:, wave.products], tiles)
        return spectra

    def spectra_backward(self, gradient: Tensor) -> Tensor:
        """Map a gradient of spectra to the one of maps."""
        tiles, _, channels = gradient.shape
        maps = tiles // self.tiles
        overlap = self.length - self.step
        parts = gradient.new_empty(len(self.to_parts), maps, self.tiles * self.step * channels)
        for wave in self.waves:
            of_wave = gradient[:, wave.products]
            for part, into, _ in wave.parts:
                own = parts[part].view(maps, self.tiles, self.step, channels)
                _add_up(own.flatten(0, 1), [(into[:, : self.step].T, of_wave)])
                beyond = of_wave.new_empty(maps, self.tiles, overlap, channels)
                _add_up(beyond.flatten(0, 1), [(into[:, self.step :].T, of_wave)])
                own[:, 1:, :overlap] += beyond[:, :-1]
        values = gradient.new_empty(maps, self.to_parts.shape[1], self.columns * channels)
        _add_up(values, [(self.to_parts.T, parts.transpose(0, 1)[:, :, self._inner(channels)])])
        return values.view(maps, -1, self.columns, channels)

    def convolved(self, products: Tensor) -> Tensor:
        """Map products to maps."""
        tiles, _, channels = products.shape
        maps = tiles // self.tiles
        parts = products.new_empty(len(self.to_parts), maps, self.tiles * self.step * channels)
        for wave in self.waves:
            for part, _, out_of in wave.parts:
                own = parts[part].view(tiles, self.step, channels)
                _add_up(own, [(out_of, products[:, wave.products])])
        values = products.new_empty(maps, len(self.from_parts), self.columns * channels)
        _add_up(values, [(self.from_parts, parts.transpose(0, 1)[:, :, : values.shape[2]])])
        return values.view(maps, -1, self.columns, channels)

    def convolved_backward(self, gradient: Tensor) -> Tensor:
        """Map a gradient of maps to the one of products."""
        maps, rows, columns, channels = gradient.shape
        parts = gradient.new_empty(len(self.to_parts), maps, self.tiles * self.step * channels)
        rest = gradient.reshape(maps, rows, columns * channels)
        parts[:, :, rest.shape[2] :] = 0
        _add_up(parts.transpose(0, 1)[:, :, : rest.shape[2]], [(self.from_parts.T, rest)])
        products = gradient.new_empty(maps * self.tiles, len(self.kernel), channels)
        for wave in self.waves:
            tiles = ((out_of.T, parts[part].view(-1, self.step, channels)) for part, _, out_of in wave.parts)
            _add_up(products[:, wave.products], tiles)
        return products

    def _inner(self, channels: int) -> slice:
        """Return where a row's columns lie between the zeros on both sides."""
        before = (self.length - self.step) // 2
        return slice(before * channels, (before + self.columns) * channels)


def _add_up(out: Tensor, terms: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Put the sum of a matrix (P, Q) times values (N, Q, channels) over all terms into ``out``, (N, P, channels)."""
    for number, (matrix, values) in enumerate(terms):
        repeated = matrix.expand(len(values), -1, -1)
        if number == 0:
            torch.bmm(repeated, values, out=out)
        else:
            out.baddbmm_(repeated, values)


@lru_cache(maxsize=16)
def plan_for(
    rows: int, columns: int, kernel_rows: int, kernel_columns: int, dtype: torch.dtype
) -> FourierPlan:
    """Return the plan for maps of ``rows`` x ``columns`` and a kernel of two odd numbers."""
    # rows repeat after zeros as many as the kernel reaches beyond one end: they serve both; columns likewise
    period = rows + kernel_rows // 2
    tiles = max(1, min(round(columns / COLUMNS_OF_A_TILE), columns // kernel_columns))
    step = -(-(columns + kernel_columns // 2) // tiles)
    length = step + kernel_columns - 1
    to_parts: list[Tensor] = []
    from_parts: list[Tensor] = []
    waves: list[Wave] = []
    kernel: list[Tensor] = []
    for number in range(period // 2 + 1):
        down = torch.tensor([number])
        real = 2 * number % period == 0
        cosine, sine = (wave[0] for wave in _waves(down, torch.arange(rows), period))
        first_part, first = len(to_parts), sum(len(products) for products in kernel)
        to_parts += [cosine] if real else [cosine, -sine]
        from_parts += [cosine / period] if real else [2 * cosine / period, -2 * sine / period]
        along = torch.arange(length // 2 + 1 if real else length)
        mirrored = real & (2 * along % length != 0)  # stands for its mirror image too
        cosine, sine = _waves(along, torch.arange(length), length)
        pairs = [torch.stack((cosine, -sine)), torch.stack((sine, cosine))][: 1 if real else 2]
        share = (1 + mirrored.double()) / length
        parts = tuple(
            (
                first_part + place,
                torch.einsum("gc,cwt->wgt", _FACTORS, pair).flatten(0, 1).to(dtype),
                torch.einsum("w,cwt,cg->twg", share, pair[..., :step], _COMPLEX).flatten(1).to(dtype),
            )
            for place, pair in enumerate(pairs)
        )
        waves.append(Wave(slice(first, first + 3 * len(along)), parts))
        across = _waves(along, torch.arange(kernel_columns), length)
        beside = _waves(down, torch.arange(kernel_rows) - kernel_rows // 2, period)
        kernel.append(_kernel_products(torch.complex(*beside), torch.complex(*across)))
    return FourierPlan(
        columns,
        tiles,
        step,
        length,
        torch.stack(to_parts).to(dtype),
        torch.stack(from_parts, dim=1).to(dtype),
        tuple(waves),
        torch.cat(kernel).to(dtype),
    )


def _waves(waves: Tensor, points: Tensor, period: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (waves, points) that repeat after ``period`` points."""
    angles = 2 * math.pi / period * torch.outer(waves.double(), points.double())
    return angles.cos(), angles.sin()


def _kernel_products(down: Tensor, along: Tensor) -> Tensor:
    """Return the matrix (3 * waves, rows * columns) from a kernel, of waves (1, rows) and (waves, columns)."""
    both = torch.view_as_real(down.unsqueeze(2) * along.unsqueeze(1))  # (waves, rows, columns, 2)
    return torch.einsum("gc,wrtc->wgrt", _KERNEL_FACTORS, both).flatten(0, 1).flatten(1)
