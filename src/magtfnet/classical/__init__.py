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

LEARN_FROM_COPIES = tuple(name for name in CLASSICAL if CLASSICAL[name].learns_from_copies)
"""Those that ``training.copies`` changes anything for."""

NEED_WEIGHTS = tuple(name for name in CLASSICAL if CLASSICAL[name].needs == "weights")
"""Those that need weights which nobody can train here."""

NEED_OPENSMILE = tuple(name for name in CLASSICAL if CLASSICAL[name].needs == "openSMILE")
"""Those that need a library of another licence."""
