"""Training in epochs, all of which are done; the weights of the best one by validation stay."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from magtfnet.classical.protocol import Best, Floats


def keep_best_epoch(
    module: nn.Module,
    epochs: int,
    learn: Callable[[int], None],
    predict: Callable[[], Floats],
    truth: Sequence[int],
) -> dict[str, int | float]:
    """Train a module in place; on return it has the weights of the epoch with the best validation WA.

    Args:
        module: what learns.
        epochs: how many, from 1.
        learn: does one epoch, by its number.
        predict: returns the validation probabilities (N, K) of the module as it is.
        truth: (N,) class indices of the validation part.

    Returns:
        what ``ClassicalSystem.fit`` returns: the epoch and its ``validation_WA``.

    Raises:
        DivergenceError: no epoch gave numbers.
    """
    best: Best[tuple[int, dict[str, Tensor]]] = Best(truth)
    for epoch in range(1, epochs + 1):
        module.train()
        learn(epoch)
        weights = {name: value.detach().clone() for name, value in module.state_dict().items()}
        best.offer((epoch, weights), predict())
    epoch, weights = best.candidate
    module.load_state_dict(weights)
    return {"epoch": epoch, "validation_WA": best.score[0]}
