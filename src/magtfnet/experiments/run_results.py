"""What a training leaves in its run directory: scores, predictions, history, card, page and the model."""

import statistics
from dataclasses import replace

from magtfnet.corpora import Corpus, Split
from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.page import report_page
from magtfnet.experiments.model_card import model_card
from magtfnet.experiments.preparation import run_name
from magtfnet.experiments.run_directory import RunDirectory
from magtfnet.memory import peak_memory_mib
from magtfnet.models import Model
from magtfnet.models.cost import count_parameters
from magtfnet.recognizer import Bundle
from magtfnet.training import FitResult


def write_results(
    directory: RunDirectory,
    corpus: Corpus,
    split: Split,
    bundle: Bundle,
    result: FitResult,
    report: EvaluationReport,
) -> None:
    """Write all of it, the metrics last: with them a run is complete.

    Args:
        directory: of the run, whose checkpoint is not needed any more.
        corpus: what the split is of.
        split: who was trained on, selected and was tested.
        bundle: the model, whose provenance has its seed, device and versions.
        result: its training.
        report: its scores on the test part.
    """
    best = result.history[result.best_epoch - 1]
    facts = {
        "seed": bundle.provenance["seed"],
        "weights": _origin(bundle.model, result),
        "trained on": f"{bundle.provenance['device']}, magtfnet {bundle.provenance['versions']['magtfnet']}",
    }
    parameters = count_parameters(bundle.model)
    name = bundle.model_config.name
    card = model_card(name, parameters, corpus.info, split, report, facts)
    scores = {
        "validation": {key: best[key] for key in ("validation_WA", "validation_UA", "validation_loss")},
        "test": report.to_dict(),
    }
    page_facts = {
        "corpus": corpus.summary,
        "protocol": split.describe(),
        "model": f"{name}, {parameters:,} parameters",
        **{key: str(value) for key, value in facts.items()},
    }
    page = report_page(
        f"{name} on {corpus.name}", page_facts, {run_name(split, int(facts["seed"])): report}, result.history
    )
    directory.write_history(result.history)
    report.save_predictions(directory.path / "predictions.csv")
    directory.write_text("MODEL_CARD.md", card)
    directory.write_text("report.html", page)
    if not directory.bundle.exists():  # it is, where a run was stopped between the bundle and its metrics
        replace(bundle, scores=scores, card=card).save(directory.bundle)
    cost = {
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "seconds_per_epoch": statistics.median(row["seconds"] for row in result.history),
        "peak_memory_mib": peak_memory_mib(),
    }
    directory.write_metrics(scores | {"training": cost})
    directory.checkpoint.unlink(missing_ok=True)


def _origin(model: Model, result: FitResult) -> str:
    score = f"validation WA {100 * result.history[result.best_epoch - 1]['validation_WA']:.2f} %"
    if model.solved:
        return f"solved for in closed form ({score}; it chose nothing)"
    return f"of epoch {result.best_epoch} of {len(result.history)}, chosen by {score}"
