"""An ONNX graph as a file: without what the exporter left behind, and with what it says of itself."""

import json
from collections.abc import Iterator
from importlib.metadata import version

import onnx

from magtfnet.config import to_plain
from magtfnet.recognizer import Bundle
from magtfnet.recognizer.onnx_engine import FORMAT


def metadata(bundle: Bundle) -> dict[str, str]:
    """Return what the file says of itself, each value JSON or plain text."""
    described = {
        "labels": {"classes": list(bundle.labels.classes), "merges": dict(bundle.labels.merges)},
        "audio": to_plain(bundle.audio),
        "features": to_plain(bundle.features),
        "model": to_plain(bundle.model_config),
        "provenance": dict(bundle.provenance),
        "scores": dict(bundle.scores),
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
    """Return the graph with short names and without the exporter's notes, which name files of its machine.

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


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those of the loops in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
