"""Systems that are not one network trained by gradients alone: vectors of utterances and classical classifiers.

They learn from the same parts as the networks, select on validation data only, and are found by name.
"""

from magtfnet.classical import (  # noqa: F401  (importing a system registers it)
    dnn_elm,
    dual_tbnet_self_supervised,
    egemaps_svm,
    functionals_gbm,
    functionals_kernel_ridge,
    pretrained,
    svm_decision_tree,
)
from magtfnet.classical.protocol import CLASSICAL as CLASSICAL
from magtfnet.classical.protocol import ClassicalSystem as ClassicalSystem
from magtfnet.classical.protocol import create_classical as create_classical

LEARN_FROM_COPIES = ("functionals_kernel_ridge",)
"""Those that ``training.copies`` changes anything for."""

NEED_WEIGHTS = (*pretrained.NAMES, "dual_tbnet_self_supervised")
"""Those that need weights which nobody can train here."""
