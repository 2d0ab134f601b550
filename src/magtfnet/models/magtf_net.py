"""MAGTF-Net: multi-scale attention graph and Transformer over log-Mel frames, fused with low-level descriptors.

Zhu, Xie, Wang: "MAGTF-Net: Dynamic Speech Emotion Recognition with Multi-Scale Graph Attention and LLD
Feature Fusion", Sensors 2025, 25, 7378: the full system, both readings where the paper has two, and the
ablations of its Tables 5 and 6.
"""

from typing import Any

from magtfnet.models.dual_branch import DualBranchNet, build
from magtfnet.models.protocol import MODELS, Builder, register_model

KERNEL_SETS = ((3,), (5,), (7,), (9,), (11,), (3, 5, 7), (5, 7, 9), (7, 9, 11), (3, 5, 7, 9, 11))
"""The rows of the paper's Table 6; the last is the full system."""


@register_model
def magtf_net(**overrides: Any) -> DualBranchNet:
    """Build MAGTF-Net with functionals in the LLD branch, as the paper's experiments have it (section 4.2)."""
    return build({}, overrides)


@register_model
def magtf_net_frames(**overrides: Any) -> DualBranchNet:
    """Build MAGTF-Net with frame-level descriptors in the LLD branch, as the paper's section 3.3 has it."""
    return build({"lld_input": "frames"}, overrides)


@register_model
def magtf_net_graph_first(**overrides: Any) -> DualBranchNet:
    """Build MAGTF-Net with the graph before StartConv, as the paper's equation 9 has it."""
    return build({"graph_order": "graph_first"}, overrides)


@register_model
def magtf_net_without_lld(**overrides: Any) -> DualBranchNet:
    """Build MAGTF-Net without the LLD branch (Table 5)."""
    return build({"lld_input": "none"}, overrides)


@register_model
def magtf_net_without_graph_block(**overrides: Any) -> DualBranchNet:
    """Build MAGTF-Net without the GraphBlock (Table 5)."""
    return build({"graph_order": "none"}, overrides)


def kernel_set_name(kernel_sizes: tuple[int, ...]) -> str:
    """Return the name of MAGTF-Net with these kernels: ``magtf_net`` for the paper's five."""
    if kernel_sizes == KERNEL_SETS[-1]:
        return "magtf_net"
    return "_".join(["magtf_net_kernels", *map(str, kernel_sizes)])


def _with_kernels(kernel_sizes: tuple[int, ...]) -> Builder:
    def builder(**overrides: Any) -> DualBranchNet:
        return build({"kernel_sizes": kernel_sizes}, overrides)

    builder.__doc__ = f"Build MAGTF-Net with kernels of {', '.join(map(str, kernel_sizes))} frames (Table 6)."
    return builder


for _sizes in KERNEL_SETS[:-1]:
    MODELS.add(kernel_set_name(_sizes), _with_kernels(_sizes))
