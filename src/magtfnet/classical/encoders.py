"""Encoders by the folder of a checkpoint or its name on the hub, whoever reads them."""

from magtfnet.classical.emotion2vec_encoder import Emotion2VecEncoder, is_emotion2vec
from magtfnet.classical.encoder import PretrainedEncoder
from magtfnet.classical.transformers_encoder import TransformersEncoder


def load_encoder(weights: str, *, download: bool) -> PretrainedEncoder:
    """Return the encoder with its weights.

    Args:
        weights: the folder of a checkpoint, or its name on the hub.
        download: fetch it from the hub where it is not at hand.

    Raises:
        MissingExtraError: the library that reads it is not installed.
        ConfigError: the weights are not at hand, or are no checkpoint of an encoder of speech.
    """
    if is_emotion2vec(weights):
        return Emotion2VecEncoder(weights, download=download)
    return TransformersEncoder(weights, download=download)
