"""Task-adaptive pretraining: wav2vec 2.0's own task, gone on with on other speech.

Spans of the latent frames are masked; from what stands around them the network must tell the true quantised frame
from others of the same utterance (Baevski et al., NeurIPS 2020, section 3.2, whose masks these are; the authors of
task-adaptive pretraining take those of the checkpoint's configuration). All weights learn, as in their code, the
convolutions over the waveform too. No label takes part.
"""

from collections.abc import Sequence

import numpy as np
import torch

from magtfnet.audio import Waveform
from magtfnet.classical.encoder import RATE, PretrainedEncoder, another_rate
from magtfnet.errors import ConfigError
from magtfnet.training.batches import plan_batches
from magtfnet.training.seeding import derived_seed

SHARE = 0.065
"""Of frames at which a masked span starts."""
SPAN = 10
NEGATIVES = 100
BATCH = 8


def refuse_other_encoders(encoder: PretrainedEncoder) -> None:
    """Refuse what was not pretrained by this task.

    Raises:
        ConfigError: another kind of encoder, or one that learnt without masks.
    """
    if encoder.kind != "wav2vec2":
        raise ConfigError(
            f"model.mode = 'task_adapted' is for wav2vec2, found {encoder.kind}; take 'fine_tuned' or 'frozen'"
        )
    if not hasattr(encoder.network, "masked_spec_embed"):
        raise ConfigError(
            "model.mode = 'task_adapted' needs a checkpoint that knows masks, found mask_time_prob and "
            "mask_feature_prob 0 in its config.json; take 'fine_tuned' or 'frozen'"
        )


def go_on_pretraining(
    weights: str,
    encoder: PretrainedEncoder,
    waveforms: Sequence[Waveform],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Change the encoder's weights in place.

    Args:
        weights: the checkpoint, whose quantiser is needed too; a fresh one where it has none.
        encoder: of the same checkpoint.
        waveforms: mono, 16 kHz.
        epochs: passes over them.
        learning_rate: of Adam.
        seed: of masks, negatives and order.

    Raises:
        ConfigError: another rate.
    """
    from transformers import Wav2Vec2ForPreTraining

    for waveform in waveforms:
        if waveform.sample_rate != RATE:
            raise another_rate(waveform.sample_rate)
    task = Wav2Vec2ForPreTraining.from_pretrained(weights, local_files_only=True, dtype=torch.float32).train()
    task.config.apply_spec_augment = True  # else transformers passes over the masks that it is given
    task.config.layerdrop = 0.0
    task.config.mask_feature_prob = 0.0  # such masks would come from NumPy's global generator
    optimizer = torch.optim.Adam(task.parameters(), lr=learning_rate)
    generator = np.random.default_rng(seed)
    speech = [piece for waveform in waveforms for piece, _ in encoder.pieces(waveform.samples.ravel())]
    for epoch in range(epochs):
        for indices in plan_batches(len(speech), BATCH, derived_seed(seed, epoch)):
            optimizer.zero_grad()
            for index in indices:
                inputs = encoder.inputs(speech[index])
                frames = int(task._get_feat_extract_output_lengths(torch.tensor(inputs.shape[1])))
                if frames <= SPAN:
                    continue
                mask = masked_frames(frames, generator)
                negatives = torch.tensor(others(mask, generator))
                loss = task(
                    inputs,
                    mask_time_indices=torch.tensor(mask)[None],
                    sampled_negative_indices=negatives[None],
                ).loss
                (loss / (mask.sum() * len(indices))).backward()
            optimizer.step()
    encoder.network.load_state_dict(task.wav2vec2.state_dict())


def masked_frames(
    frames: int, generator: np.random.Generator
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return which frames (T,) are masked: spans of 10, at least one, that may overlap."""
    starts = generator.random(frames - SPAN + 1) < SHARE
    starts[generator.integers(len(starts))] = True
    mask = np.zeros(frames, dtype=bool)
    for start in np.flatnonzero(starts):
        mask[start : start + SPAN] = True
    return mask


def others(
    mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]", generator: np.random.Generator
) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Return for every frame the places of other masked frames (T, negatives), zeros where a frame is not masked."""
    masked = np.flatnonzero(mask)
    chosen = np.zeros((len(mask), NEGATIVES), dtype=np.int64)
    drawn = generator.integers(len(masked) - 1, size=(len(masked), NEGATIVES))
    drawn += drawn >= np.arange(len(masked))[:, None]  # never the frame itself
    chosen[masked] = masked[drawn]
    return chosen
