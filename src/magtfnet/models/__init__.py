"""Features in, logits out. Models are found by name; none reaches a file."""

from magtfnet.models import fisher_discriminant, magtf_net  # noqa: F401  (importing a model registers it)
from magtfnet.models.baselines import (  # noqa: F401
    acrnn_3d,
    cnn_blstm,
    cnn_channel_attention,
    densenet_gru,
    dual_tbnet,
    tim_net,
)
from magtfnet.models.protocol import MODELS as MODELS
from magtfnet.models.protocol import Model as Model
from magtfnet.models.protocol import create_model as create_model
from magtfnet.models.protocol import list_models as list_models
