"""Waveforms to probabilities as one module: what an exported graph holds."""

from torch import Tensor, nn

from magtfnet.features import FrontEnd
from magtfnet.recognizer import Bundle


class WaveformModel(nn.Module):
    """Front end, standardisation, network and softmax of a bundle.

    Args:
        bundle: a trained model, in evaluation mode.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.front_end = FrontEnd(bundle.audio, bundle.features)
        self.standardizer = bundle.standardizer
        self.model = bundle.model
        self.eval()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Map waveforms (B, S), the first ``lengths`` (B,) samples real, to float32 probabilities (B, K)."""
        features = self.standardizer(self.front_end(waveforms, lengths))
        logits: Tensor = self.model(**features.inputs(self.model.inputs))
        return logits.double().softmax(dim=-1).float()
