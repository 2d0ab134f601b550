"""Gradient-boosted trees over functionals: what a user would try first with our own features.

Friedman (Annals of Statistics 2001), in scikit-learn's histogram form. Five statistics of every log-Mel band and
descriptor make the vector; learning rate, size and number of trees are chosen by validation WA.
"""

from itertools import product
from typing import Annotated, Any

from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier

from magtfnet.classical.protocol import Best, ClassicalSystem, Floats, in_all_classes, register_classical
from magtfnet.classical.utterance_vectors import utterance_vectors
from magtfnet.config import Positive, Settings, validated
from magtfnet.training.batches import TrainingData


class BoostingConfig(Settings):
    """What is tried; the most trees of each."""

    learning_rates: tuple[Positive, ...] = Field((0.03, 0.1), min_length=1)
    leaves: tuple[Annotated[int, Field(ge=2)], ...] = Field((4, 8), min_length=1)
    trees: int = Field(150, ge=1)
    smallest_leaf: int = Field(5, ge=1)  # scikit-learn's 20 leaves nothing to split in small corpora


class FunctionalsGBM(ClassicalSystem):
    """See the module.

    Args:
        config: what is tried.
    """

    def __init__(self, config: BoostingConfig) -> None:
        self.config = config

    def fit(
        self, training: TrainingData, validation: TrainingData, num_classes: int, seed: int
    ) -> dict[str, Any]:
        """See ``ClassicalSystem``."""
        self.num_classes = num_classes
        vectors, held_out = utterance_vectors(training), utterance_vectors(validation)
        best: Best[tuple[HistGradientBoostingClassifier, int]] = Best(validation.targets.tolist())
        for rate, leaves in product(self.config.learning_rates, self.config.leaves):
            model = HistGradientBoostingClassifier(
                learning_rate=rate,
                max_leaf_nodes=leaves,
                max_iter=self.config.trees,
                min_samples_leaf=self.config.smallest_leaf,
                early_stopping=False,
                random_state=seed,
            ).fit(vectors, training.targets.numpy())
            for count, probabilities in enumerate(model.staged_predict_proba(held_out), start=1):
                best.offer((model, count), in_all_classes(probabilities, model.classes_, num_classes))
        self.model, self.trees = best.candidate
        del self.model._predictors[self.trees :]  # trees that are not used are not kept
        return {
            "learning_rate": self.model.learning_rate,
            "leaves": self.model.max_leaf_nodes,
            "trees": self.trees,
            "validation_WA": best.score[0],
        }

    def predict_proba(self, data: TrainingData) -> Floats:
        """See ``ClassicalSystem``."""
        probabilities = self.model.predict_proba(utterance_vectors(data))
        return in_all_classes(probabilities, self.model.classes_, self.num_classes)

    @property
    def num_parameters(self) -> int:
        """A feature, a threshold or a value for every node of the trees that are used."""
        return 2 * sum(len(tree.nodes) for stage in self.model._predictors for tree in stage)


@register_classical()
def functionals_gbm(**overrides: Any) -> FunctionalsGBM:
    """Build boosted trees over our functionals."""
    return FunctionalsGBM(validated(BoostingConfig, overrides, prefix="model."))
