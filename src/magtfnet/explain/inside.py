"""What happens inside a model in one forward pass: scales, graph, attention. Padding is never part of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from magtfnet.errors import ExplainError
from magtfnet.features import FeatureBatch
from magtfnet.models import Model, create_model, list_models
from magtfnet.models.blocks.graph_block import GraphBlock
from magtfnet.models.blocks.multi_scale_conv import MultiScaleConv
from magtfnet.models.blocks.squeeze_excitation import SqueezeExcitation
from magtfnet.models.blocks.transformer_encoder import SelfAttention

PARTS: dict[str, type[nn.Module]] = {
    "scales": MultiScaleConv,
    "graph": GraphBlock,
    "attention": SelfAttention,
}
MAP_SIZE = 128
"""Rows and columns of an attention map at most."""
QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Inside:
    """What one utterance does to the parts of a model; empty where the model has no such part.

    Args:
        scale_spans: frames that each kernel sees.
        scale_weights: (scales,), the mean weight in (0, 1) that squeeze and excitation gives each kernel's channels.
        adjacency: (N, N) or (D, D), each row summing to 1: from which node to which a message goes.
        node_bands: (N, M), each row summing to 1: the share of each mel band in what a node draws on.
        attention: (layers, heads, K, K), how much frame i looks at frame j; beyond 128 frames, means over K = 128 times
            128 blocks. For T frames each row sums to K / T.
        frame_relevance: (T,), summing to 1: the attention that each frame receives, over all layers, heads and frames.
    """

    scale_spans: tuple[int, ...] = ()
    scale_weights: Tensor = field(default_factory=lambda: torch.zeros(0))
    adjacency: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    node_bands: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    attention: Tensor = field(default_factory=lambda: torch.zeros(0, 0, 0, 0))
    frame_relevance: Tensor = field(default_factory=lambda: torch.zeros(0))


def look_inside(model: Model, features: FeatureBatch) -> Inside:
    """Return what one utterance does inside a model.

    Args:
        model: in evaluation mode.
        features: of one utterance, standardised; what is beyond its length is not looked at.

    Raises:
        ExplainError: more than one utterance.
    """
    if len(features) != 1:
        raise ExplainError(f"{len(features)} utterances at once; look inside a model with one of them")
    seen: dict[type[nn.Module], list[Tensor]] = {SqueezeExcitation: [], SelfAttention: []}
    hooks = []
    for module in model.modules():
        if isinstance(module, SqueezeExcitation):
            hooks.append(module.register_forward_hook(_keep(seen[SqueezeExcitation])))
        elif isinstance(module, SelfAttention):
            hooks.append(module.query_key_value.register_forward_hook(_keep(seen[SelfAttention])))
    try:
        with torch.no_grad():
            model(**features.inputs(model.inputs))
    finally:
        for hook in hooks:
            hook.remove()
    scales, graph = _only(model, MultiScaleConv), _only(model, GraphBlock)
    attentions = [module for module in model.modules() if isinstance(module, SelfAttention)]
    found: dict[str, Any] = {}
    if isinstance(scales, MultiScaleConv):
        found["scale_spans"] = tuple(
            int(convolution.kernel_size[0])  # type: ignore[index]
            for convolution in scales.convolutions
        )
        found["scale_weights"] = torch.stack([weights.mean() for weights in seen[SqueezeExcitation]])
    if isinstance(graph, GraphBlock):
        found["adjacency"] = graph.adjacency().detach()
        if isinstance(scales, MultiScaleConv):
            found["node_bands"] = _node_bands(scales, graph)
    if attentions:
        maps = [
            _attention_map(values, module.num_heads)
            for values, module in zip(seen[SelfAttention], attentions, strict=True)
        ]
        found["attention"] = torch.stack([blocks for blocks, _ in maps])
        found["frame_relevance"] = torch.stack([received for _, received in maps]).mean(dim=0)
    return Inside(**found)


def absence(part: str) -> str:
    """Say that a model has no such part, and which registered models have it."""
    with torch.random.fork_rng():  # building a model draws its weights
        named = [name for name in list_models() if _only(create_model(name, num_classes=2), PARTS[part])]
    return f"this model has no {part} to look at; these have: {', '.join(named) or 'none that is registered'}"


def _keep(values: list[Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    return lambda module, inputs, output: values.append(output.detach())


def _only(model: nn.Module, kind: type[nn.Module]) -> nn.Module | None:
    return next((module for module in model.modules() if isinstance(module, kind)), None)


def _attention_map(query_key_value: Tensor, num_heads: int) -> tuple[Tensor, Tensor]:
    """Return block means (H, K, K) of the attention of one utterance, and what each frame receives (T,).

    The frames are projected, packed (T, 3 D) or padded (1, T, 3 D). Never all of (H, T, T) at once.
    """
    frames = query_key_value.flatten(0, -2)
    count = len(frames)
    query, key, _ = frames.view(count, 3, num_heads, -1).permute(1, 2, 0, 3).unbind(0)
    size = min(count, MAP_SIZE)
    block = torch.arange(count) * size // count  # of each frame
    member = torch.nn.functional.one_hot(block, size).to(frames.dtype)
    member = member / member.sum(dim=0)  # (T, K): a mean over each block
    blocks, received = torch.zeros(num_heads, size, size), torch.zeros(count)
    for start in range(0, count, QUERIES_AT_ONCE):
        some = slice(start, start + QUERIES_AT_ONCE)
        weights = (query[:, some] @ key.transpose(1, 2) * query.shape[-1] ** -0.5).softmax(dim=-1)
        blocks += member[some].t() @ (weights @ member)
        received += weights.sum(dim=(0, 1))
    return blocks, received / (num_heads * count)


def _node_bands(scales: MultiScaleConv, graph: GraphBlock) -> Tensor:
    """Return (N, M): absolute weights of convolutions, fusion and the folded graph, multiplied along their paths.

    The nonlinearities between are taken as they would pass everything: this is what a node can draw on, not
    what it draws from one utterance.
    """
    with torch.no_grad():
        kernels, _ = scales._kernels()
        by_band = kernels.abs().view(len(kernels), scales.span, -1).sum(dim=1)  # (branches * C, M)
        by_feature = scales.fusion.weight.abs() @ by_band  # (D, M)
        weight, _ = graph._folded()
        nodes = weight.abs().view(graph.num_nodes, -1, weight.shape[1]).sum(dim=1)  # (N, D)
        drawn: Tensor = nodes @ by_feature
        return drawn / drawn.sum(dim=1, keepdim=True)


def fused_vectors(model: Model, features: FeatureBatch) -> Tensor:
    """Return (B, D): what the classifier of a model sees of each utterance.

    Raises:
        ExplainError: the model has no layer called ``classifier``.
    """
    classifier = getattr(model, "classifier", None)
    if not isinstance(classifier, nn.Module):
        raise ExplainError(
            "this model has no layer called classifier to look at; give the last layer that name"
        )
    seen: list[Tensor] = []
    hook = classifier.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    try:
        with torch.no_grad():
            model(**features.inputs(model.inputs))
    finally:
        hook.remove()
    return seen[0]
