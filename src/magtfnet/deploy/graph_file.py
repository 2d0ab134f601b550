"""An ONNX graph as a file: without what the exporter left behind, and with what it says of itself."""

import json
from collections.abc import Iterator
from importlib.metadata import version

import onnx

from magtfnet.config import to_plain
from magtfnet.recognizer import Bundle
from magtfnet.recognizer.onnx_engine import FORMAT

LARGE = 1_000
"""In bytes: smaller constants may stand twice."""


def metadata(bundle: Bundle) -> dict[str, str]:
    """Return what the file says of itself, each value JSON or plain text."""
    described = {
        "labels": {"classes": list(bundle.labels.classes), "merges": dict(bundle.labels.merges)},
        "audio": to_plain(bundle.audio),
        "features": to_plain(bundle.features),
        "model": to_plain(bundle.model_config),
        "provenance": dict(bundle.provenance),
        "scores": dict(bundle.scores),
        "unsure_below": bundle.unsure_below,
    }
    return {
        "format": FORMAT,
        "magtfnet": version("magtfnet"),
        "sample_rate": str(bundle.audio.sample_rate),
        "licence": str(bundle.provenance.get("licence", "not stated")),
        "card": bundle.card,
        **{name: json.dumps(value, ensure_ascii=False) for name, value in described.items()},
    }


def tidied(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with short names, each large constant once, and without notes, which name files of its machine.

    Inputs, outputs and weights keep their names. The names of a thousand small nodes would take a tenth of the
    file.
    """
    kept = {
        value.name
        for values in (graph.graph.input, graph.graph.output, graph.graph.initializer)
        for value in values
    }
    kept.add("")  # an input that is left away
    short: dict[str, str] = {}

    def renamed(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"v{len(short)}")

    short.update(_written_once(graph.graph))
    for part in _graphs(graph.graph):
        del part.value_info[:]
        if part is not graph.graph:
            for value in (*part.input, *part.output):
                value.name = renamed(value.name)
        for node in part.node:
            node.ClearField("doc_string")
            node.ClearField("name")
            for names in (node.input, node.output):
                names[:] = [renamed(name) for name in names]
    return graph


def _written_once(graph: onnx.GraphProto) -> dict[str, str]:
    """Take away constants that stand in the graph before; return by which name each is known from now on.

    The exporter writes a table anew wherever it is used.
    """
    known: dict[bytes, str] = {}
    names: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Constant" and node.ByteSize() > LARGE]:
        value = node.attribute[0].SerializeToString()
        if value in known:
            graph.node.remove(node)
        names[node.output[0]] = known.setdefault(value, f"c{len(known)}")
    return names


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those of the loops in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
