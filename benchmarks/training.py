"""Training steps on EMO-DB's lengths: ours beside the literal model, and beside the machine's own product."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.corpora import ABSENT, emodb_files, frame_counts
from benchmarks.literal import LiteralMAGTFNet
from benchmarks.measure import Timing, alternately
from benchmarks.rows import Row, missing, versus
from magtfnet.models import create_model
from magtfnet.models.blocks.linear import linear
from magtfnet.training.batches import plan_batches

BATCHES = 3
"""Of the 14 random batches of an epoch: all of them would take the literal model minutes a round."""
EQUAL_WITHIN = 1e-5
SQUARE = 2048

Batch = tuple[dict[str, Tensor], Tensor]


def rows() -> list[Row]:
    """Return the rows about training."""
    what = "training step of EMO-DB's epoch, {}"
    files = emodb_files()
    if not files:
        return [missing(what.format("float32 and bfloat16"), "≥ 3, ≥ 5", ABSENT)]
    torch.manual_seed(0)
    ours = create_model("magtf_net", num_classes=7)
    literal = LiteralMAGTFNet(ours)
    batches = _batches(frame_counts(files))
    _refuse_unequal(ours, literal, batches[0][0])
    models = {"ours": ours, "literal": literal}
    steps = {name: _steps(model, batches, bf16=False) for name, model in models.items()}
    if _has_bf16():
        steps["ours bf16"] = _steps(ours, batches, bf16=True)
    square, bias = torch.randn(SQUARE, SQUARE), torch.zeros(SQUARE)
    products = {"PyTorch's": lambda: square @ square, "the fastest": lambda: linear(square, square, bias)}
    timings = alternately(steps | products)
    frames = sum(int(batch["lengths"].sum()) for batch, _ in batches)
    unit = f" a step, {frames / BATCHES:,.0f} real frames in 32 utterances"
    found = [
        versus(what.format("float32, literal : ours"), timings["literal"], timings["ours"], 3, BATCHES, unit)
    ]
    if _has_bf16():
        found.append(
            versus(
                what.format("literal float32 : ours bfloat16"),
                timings["literal"],
                timings["ours bf16"],
                5,
                BATCHES,
                unit,
            )
        )
    else:
        found.append(missing(what.format("bfloat16"), "≥ 5", "this CPU has no bfloat16 products"))
    return found + _share_of_peak(ours, batches, timings)


def _batches(counts: list[int]) -> list[Batch]:
    """Return the first batches of an epoch over the training part's share of utterances."""
    generator = np.random.default_rng(0)
    counts = generator.permutation(counts)[: round(0.8 * len(counts))].tolist()
    batches = []
    for indices in plan_batches(len(counts), 32, seed=0)[:BATCHES]:
        lengths = torch.tensor([counts[i] for i in indices])
        features = {
            "log_mel": torch.randn(32, int(lengths.max()), 40),
            "functionals": torch.randn(32, 24),
            "lengths": lengths,
        }
        batches.append((features, torch.arange(32) % 7))
    return batches


def _refuse_unequal(ours: nn.Module, literal: nn.Module, batch: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        apart = (ours.eval()(**batch) - literal.eval()(**batch)).abs().max().item()
    if apart > EQUAL_WITHIN:
        raise ValueError(f"logits of the two models are {apart:g} apart, expected at most {EQUAL_WITHIN:g}")


def _steps(model: nn.Module, batches: list[Batch], *, bf16: bool) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def run() -> None:
        model.train()
        for batch, targets in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = model(**batch)
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(logits.float(), targets, label_smoothing=0.1).backward()
            optimizer.step()

    return run


def _share_of_peak(ours: nn.Module, batches: list[Batch], timings: dict[str, Timing]) -> list[Row]:
    """Compare the products of our steps, a second, with the products of two square matrices."""
    reached = sum(_flops(ours, batch) for batch, _ in batches) / timings["ours"].median
    found = []
    for name in ("PyTorch's", "the fastest"):
        peak = 2 * SQUARE**3 / timings[name].median
        found.append(
            Row(
                f"share of {name} float32 product of {SQUARE} x {SQUARE} matrices that a step reaches",
                f"{100 * reached / peak:.0f} %",
                "≥ 60 %",
                reached / peak >= 0.6,
                f"{reached / 1e9:,.0f} of {peak / 1e9:,.0f} GFLOP/s; products of real frames only",
            )
        )
    return found


def _flops(model: nn.Module, batch: dict[str, Tensor]) -> float:
    """Count the products of forward and backward pass, without the zeros between which short kernels stand."""
    with FlopCounterMode(display=False) as counter, torch.autocast("cpu", torch.bfloat16):
        model(**batch).sum().backward()
    config = model.config
    zeros = (
        sum(max(config.kernel_sizes) - size for size in config.kernel_sizes) * config.channels * config.n_mels
    )
    forward_and_weights = 2
    return counter.get_total_flops() - 2 * forward_and_weights * zeros * float(batch["lengths"].sum())


def _has_bf16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
