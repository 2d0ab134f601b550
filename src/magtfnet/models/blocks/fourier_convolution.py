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
FEWEST_CHANNELS, FEWEST_TAPS = 128, 3
"""Below, the transforms take about as long as the products that they save, or longer."""

# (a + ib)(c + id) by three products: of (a + b, a, b) and (c, d - c, c + d)
_FACTORS = torch.tensor([[1, 1], [1, 0], [0, 1]], dtype=torch.float64)
_KERNEL_FACTORS = torch.tensor([[1, 0], [-1, 1], [1, 1]], dtype=torch.float64)
_COMPLEX = torch.tensor([[1, 0, -1], [1, 1, 0]], dtype=torch.float64)


def convolve_same(feature_map: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``conv2d`` with as many rows and columns as came in, by Fourier transforms where that learns faster.

    That is where the weight gets a gradient, on a CPU in full precision, from 128 channels and 3 x 3 taps; never in
    a graph that is traced. Results differ by rounding, and the gradients cannot be differentiated again.

    Args:
        feature_map: (S, C, M, T).
        weight: (O, C, rows, columns), rows and columns odd.
        bias: (O,).

    Returns:
        (S, O, M, T).
    """
    rows, columns = weight.shape[2:]
    if not (_learns_here(feature_map, weight) and _pays(weight)):
        return functional.conv2d(feature_map, weight, bias, padding=(rows // 2, columns // 2))
    plan = plan_for(*feature_map.shape[2:], rows, columns, feature_map.dtype)
    convolved: Tensor = _FourierConvolution.apply(feature_map, weight, bias, plan)  # type: ignore[no-untyped-call]
    return convolved


def _learns_here(feature_map: Tensor, weight: Tensor) -> bool:
    traced = torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()
    plain = feature_map.device.type == "cpu" and feature_map.dtype in (torch.float32, torch.float64)
    learns = torch.is_grad_enabled() and weight.requires_grad
    return learns and plain and not traced and not torch.is_autocast_enabled("cpu")


def _pays(weight: Tensor) -> bool:
    return min(weight.shape[:2]) >= FEWEST_CHANNELS and min(weight.shape[2:]) >= FEWEST_TAPS


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
            # made once more: kept from the forward pass, it would take nearly as much memory as the spectra
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
        overlap: columns that it sees beyond them. As many zeros are before each row, so that no map sees another.
        to_parts: (parts, M); a part is a cosine or a sine down the rows.
        from_parts: (M, parts).
        waves: down the rows.
        kernel: (products, rows * columns of the kernel).
    """

    columns: int
    tiles: int
    step: int
    overlap: int
    to_parts: Tensor
    from_parts: Tensor
    waves: tuple[Wave, ...]
    kernel: Tensor

    @property
    def length(self) -> int:
        """Columns that a tile sees."""
        return self.step + self.overlap

    @property
    def width(self) -> int:
        """Columns that the tiles of a row give; those of the map begin behind half an overlap."""
        return self.tiles * self.step

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
        shape = len(self.to_parts), maps, self.width * channels
        memory = values.new_empty(math.prod(shape) + self.overlap * channels)
        parts = memory[: math.prod(shape)].view(shape)
        parts[:, :, : self.overlap * channels] = 0
        parts[:, :, (self.overlap + columns) * channels :] = 0
        memory[math.prod(shape) :] = 0
        inner = parts.transpose(0, 1)[:, :, self.overlap * channels : (self.overlap + columns) * channels]
        _add_up(inner, [(self.to_parts, values.reshape(maps, rows, columns * channels))])
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
        parts = gradient.new_empty(len(self.to_parts), maps, self.width * channels)
        for wave in self.waves:
            of_wave = gradient[:, wave.products]
            for part, into, _ in wave.parts:
                own = parts[part].view(maps, self.tiles, self.step, channels)
                _add_up(own.flatten(0, 1), [(into[:, : self.step].T, of_wave)])
                beyond = of_wave.new_empty(maps, self.tiles, self.overlap, channels)
                _add_up(beyond.flatten(0, 1), [(into[:, self.step :].T, of_wave)])
                own[:, 1:, : self.overlap] += beyond[:, :-1]
        return self._from_parts(parts, self.to_parts.T, self.overlap, channels)

    def convolved(self, products: Tensor) -> Tensor:
        """Map products to maps."""
        tiles, _, channels = products.shape
        parts = products.new_empty(len(self.to_parts), tiles // self.tiles, self.width * channels)
        for wave in self.waves:
            for part, _, out_of in wave.parts:
                own = parts[part].view(tiles, self.step, channels)
                _add_up(own, [(out_of, products[:, wave.products])])
        return self._from_parts(parts, self.from_parts, self.overlap // 2, channels)

    def convolved_backward(self, gradient: Tensor) -> Tensor:
        """Map a gradient of maps to the one of products."""
        maps, rows, columns, channels = gradient.shape
        parts = gradient.new_empty(len(self.to_parts), maps, self.width * channels)
        before, end = self.overlap // 2 * channels, (self.overlap // 2 + columns) * channels
        parts[:, :, :before] = 0
        parts[:, :, end:] = 0
        values = gradient.reshape(maps, rows, columns * channels)
        _add_up(parts.transpose(0, 1)[:, :, before:end], [(self.from_parts.T, values)])
        products = gradient.new_empty(maps * self.tiles, len(self.kernel), channels)
        for wave in self.waves:
            tiles = (
                (out_of.T, parts[part].view(maps * self.tiles, self.step, channels))
                for part, _, out_of in wave.parts
            )
            _add_up(products[:, wave.products], tiles)
        return products

    def _from_parts(self, parts: Tensor, to_rows: Tensor, before: int, channels: int) -> Tensor:
        """Map the columns of parts from ``before`` on to maps, by a matrix (M, parts)."""
        maps = parts.shape[1]
        values = parts.new_empty(maps, len(to_rows), self.columns * channels)
        inner = parts.transpose(0, 1)[:, :, before * channels : (before + self.columns) * channels]
        _add_up(values, [(to_rows, inner)])
        return values.view(maps, len(to_rows), self.columns, channels)


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
    # rows repeat after zeros as many as the kernel reaches beyond one end: they serve both
    period = rows + kernel_rows // 2
    tiles = max(1, min(round(columns / COLUMNS_OF_A_TILE), columns // kernel_columns))
    overlap = kernel_columns - 1
    step = -(-(columns + overlap) // tiles)
    to_parts: list[Tensor] = []
    from_parts: list[Tensor] = []
    waves: list[Wave] = []
    kernel: list[Tensor] = []
    for number in range(period // 2 + 1):
        real = 2 * number % period == 0
        cosine, sine = (wave[0] for wave in _waves([number], range(rows), period))
        waves.append(_wave(real, len(to_parts), sum(map(len, kernel)), step, step + overlap, dtype))
        to_parts += [cosine] if real else [cosine, -sine]
        from_parts += [cosine / period] if real else [2 * cosine / period, -2 * sine / period]
        down = _waves([number], range(-(kernel_rows // 2), kernel_rows // 2 + 1), period)
        along = _waves(_along(real, step + overlap), range(kernel_columns), step + overlap)
        kernel.append(_kernel_products(torch.complex(*down), torch.complex(*along)))
    return FourierPlan(
        columns,
        tiles,
        step,
        overlap,
        torch.stack(to_parts).to(dtype),
        torch.stack(from_parts, dim=1).to(dtype),
        tuple(waves),
        torch.cat(kernel).to(dtype),
    )


def _along(real: bool, length: int) -> range:
    """Return the waves along a tile; where the wave down the rows is real, half stand for their mirror images too."""
    return range(length // 2 + 1 if real else length)


def _wave(real: bool, part: int, product: int, step: int, length: int, dtype: torch.dtype) -> Wave:
    """Return a wave down the rows whose parts and products begin at these numbers."""
    along = _along(real, length)
    twice = [1 + (real and 2 * wave % length != 0) for wave in along]
    share = torch.tensor(twice, dtype=torch.float64, device="cpu") / length
    cosine, sine = _waves(along, range(length), length)
    pairs = [torch.stack(pair) for pair in ((cosine, -sine), (sine, cosine))[: 1 if real else 2]]
    parts = tuple(
        (
            part + place,
            torch.einsum("gc,cwt->wgt", _FACTORS, pair).flatten(0, 1).to(dtype),
            torch.einsum("w,cwt,cg->twg", share, pair[..., :step], _COMPLEX).flatten(1).to(dtype),
        )
        for place, pair in enumerate(pairs)
    )
    return Wave(slice(product, product + 3 * len(along)), parts)


def _waves(waves: Iterable[int], points: Iterable[int], period: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (waves, points) that repeat after ``period`` points."""
    numbers = (torch.tensor(list(each), dtype=torch.float64, device="cpu") for each in (waves, points))
    angles = 2 * math.pi / period * torch.outer(*numbers)
    return angles.cos(), angles.sin()


def _kernel_products(down: Tensor, along: Tensor) -> Tensor:
    """Return the matrix (3 * waves, rows * columns) from a kernel, of waves (1, rows) and (waves, columns)."""
    both = torch.view_as_real(down.unsqueeze(2) * along.unsqueeze(1))  # (waves, rows, columns, 2)
    return torch.einsum("gc,wrtc->wgrt", _KERNEL_FACTORS, both).flatten(0, 1).flatten(1)
