"""From features and a model to trained weights."""

from magtfnet.training.batches import TrainingData as TrainingData
from magtfnet.training.trainer import FitResult as FitResult
from magtfnet.training.trainer import fit as fit
