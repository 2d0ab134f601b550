"""From a bundle to one file that runs without torch: export, its check, quantisation."""

from magtfnet.deploy.onnx_export import export as export
