"""Standardisation: zero mean and unit deviation of every feature over the training part, and over nothing else.

The statistics are buffers: they travel in the bundle with the weights.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from magtfnet.features.batch import FeatureBatch
from magtfnet.features.frames import real

CONSTANT = 1e-5
"""A feature that varies less than this is only centred: dividing would blow up what tells nothing."""


class Standardizer(nn.Module):
    """Subtract means and divide by deviations; padding stays zero. As made, it changes nothing.

    Args:
        n_mels: number of mel bands M.
        num_descriptors: number of low-level descriptors L.
        num_functionals: length of the vector of functionals.
    """

    def __init__(self, n_mels: int, num_descriptors: int, num_functionals: int) -> None:
        super().__init__()
        for name, size in (("log_mel", n_mels), ("lld", num_descriptors), ("functionals", num_functionals)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def fit(self, training: Iterable[FeatureBatch]) -> "Standardizer":
        """Take the statistics of the real frames and of the functionals of the training part; return self."""
        sums = {name: _Moments() for name in ("log_mel", "lld", "functionals")}
        for batch in training:
            valid = real(batch.lengths, batch.log_mel.shape[1])
            sums["log_mel"].add(batch.log_mel[valid])
            sums["lld"].add(batch.lld[valid])
            sums["functionals"].add(batch.functionals)
        for name, moments in sums.items():
            mean, std = moments.mean_and_std()
            self.get_buffer(f"{name}_mean").copy_(mean)
            self.get_buffer(f"{name}_std").copy_(std)
        return self

    def forward(self, batch: FeatureBatch) -> FeatureBatch:
        """Return the standardised batch."""
        valid = real(batch.lengths, batch.log_mel.shape[1]).unsqueeze(-1)
        return FeatureBatch(
            torch.where(valid, self._scaled(batch.log_mel, "log_mel"), 0.0),
            torch.where(valid, self._scaled(batch.lld, "lld"), 0.0),
            self._scaled(batch.functionals, "functionals"),
            batch.lengths,
        )

    def _scaled(self, values: Tensor, name: str) -> Tensor:
        return (values - self.get_buffer(f"{name}_mean")) / self.get_buffer(f"{name}_std")


class _Moments:
    """Mean and deviation of rows that come in pieces, by Chan's update: no cancellation, whatever their level."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor = torch.zeros(())
        self.squares: Tensor = torch.zeros(())

    def add(self, rows: Tensor) -> None:
        rows = rows.double()
        count, mean = len(rows), rows.mean(dim=0)
        squares = (rows - mean).square().sum(dim=0)
        total = self.count + count
        delta = mean - self.mean
        self.squares = self.squares + squares + delta.square() * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.count = total

    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        std = (self.squares / self.count).sqrt()
        return self.mean.float(), torch.where(std > CONSTANT, std, 1.0).float()
