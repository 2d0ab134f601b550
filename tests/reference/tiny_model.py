"""Sizes of a model that trains in a second."""

TINY = (
    "model.channels=8",
    "model.d_model=16",
    "model.num_nodes=6",
    "model.graph_channels=4",
    "model.num_heads=2",
)
