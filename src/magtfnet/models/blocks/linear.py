"""Linear layers by the fastest matrix product that the machine has, the same function as ``nn.Linear``.

On processors that MKL does not know as Intel's, PyTorch's float32 product runs at less than half of what
oneDNN's reaches (docs/performance.md). PyTorch has oneDNN's product for its compiler's use only, and without
gradients; here it gets them. Everywhere else, under autocast and in an exported graph, this is
``functional.linear``.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

ONEDNN: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")


NARROW = 64
"""Columns below which oneDNN is slower than MKL for the gradient of a weight."""


class Linear(nn.Linear):
    """``nn.Linear``, its product by ``linear``."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return linear(input, self.weight, self.bias)


def linear(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``features @ weight.T + bias``: (..., I), (O, I), (O,) to (..., O)."""
    if ONEDNN and features.dim() > 1 and _plain_float32(features, weight):
        product: Tensor = _Product.apply(features, weight, bias)  # type: ignore[no-untyped-call]
        return product
    return functional.linear(features, weight, bias)


def _plain_float32(*tensors: Tensor) -> bool:
    plain = all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
    return plain and not torch.is_autocast_enabled("cpu") and not torch.onnx.is_in_onnx_export()


def _onednn(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(features, weight, bias, "none", [], "")
    return product


def _to_weight(gradient: Tensor, features: Tensor) -> Tensor:
    """Return ``gradient.T @ features``: (S, O), (S, I) to (O, I); the narrower one first is oneDNN's faster order."""
    outputs, inputs = gradient.shape[1], features.shape[1]
    if min(outputs, inputs) < NARROW:  # oneDNN would spend its time on transposing
        return gradient.t() @ features
    if outputs < inputs:
        return _onednn(gradient.t(), features.t(), None)
    return _onednn(features.t(), gradient.t(), None).t()


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return _onednn(features, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        features, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        to_features = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_features = _onednn(gradient, weight.t(), None)
        if ctx.needs_input_grad[1]:
            to_weight = _to_weight(rows, features.flatten(0, -2))
        if ctx.needs_input_grad[2]:
            to_bias = rows.sum(dim=0)
        return to_features, to_weight, to_bias
