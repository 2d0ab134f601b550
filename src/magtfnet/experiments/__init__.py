"""Training and evaluation together: run directories, folds and seeds, scoring."""

from magtfnet.experiments.scoring import evaluate as evaluate
from magtfnet.experiments.training_run import TrainedRun as TrainedRun
from magtfnet.experiments.trainings import train as train
