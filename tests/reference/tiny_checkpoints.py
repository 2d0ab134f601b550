"""Checkpoints of a few thousand random weights in the layout that the hub has."""

import pytest
import torch
from tiny_emotion2vec import published_weights

CONVOLUTIONAL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 8, 8),
    "conv_kernel": (10, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
QUANTISER = {
    "num_codevectors_per_group": 8,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
}


def write_checkpoint(kind, folder):
    """Write ``emotion2vec``, ``wav2vec2``, ``hubert``, ``wavlm``, ``whisper`` or ``bert``.

    All but the first need transformers; skip where it is not installed.
    """
    if kind == "emotion2vec":
        folder.mkdir(parents=True)
        torch.save({"model": published_weights(4, 16)}, folder / "model.pt")
        return
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed (extra 'pretrained')"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "whisper":
            sizes = dict.fromkeys(("encoder_layers", "encoder_attention_heads", "decoder_attention_heads"), 2)
            config = transformers.WhisperConfig(
                d_model=16, decoder_layers=1, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=10, pad_token_id=0,
                bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, **sizes,
            )  # fmt: skip
            model, prepare = transformers.WhisperModel(config), transformers.WhisperFeatureExtractor()
        elif kind == "bert":
            config = transformers.BertConfig(
                hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9
            )
            model, prepare = transformers.BertModel(config), transformers.Wav2Vec2FeatureExtractor()
        else:
            config_of, model_of = {
                "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2ForPreTraining),
                "hubert": (transformers.HubertConfig, transformers.HubertModel),
                "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
            }[kind]
            model, prepare = (
                model_of(config_of(**CONVOLUTIONAL, **QUANTISER)),
                transformers.Wav2Vec2FeatureExtractor(),
            )
        model.save_pretrained(folder)
        prepare.save_pretrained(folder)
