"""What a search found: the best point as a configuration file, every trial as a table, a picture of each key."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import tomli_w
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from magtfnet.config import ExperimentConfig, changed, to_plain
from magtfnet.corpora import Corpus
from magtfnet.evaluation.document import Document, Section
from magtfnet.evaluation.figures import STYLE, svg
from magtfnet.evaluation.wording import percent
from magtfnet.experiments.search import WHY, SearchPlan, best
from magtfnet.experiments.search_space import Range
from magtfnet.writing import write_whole


def write(
    folder: Path, corpus: Corpus, config: ExperimentConfig, wanted: SearchPlan, trials: Sequence[FrozenTrial]
) -> None:
    """Write ``trials.csv``, ``search.html``, ``search.md``, and ``best.toml`` where a trial has a score."""
    winner = best(trials)
    if winner is not None:
        chosen = to_plain(changed(config, winner.params))
        write_whole(folder / "best.toml", tomli_w.dumps(chosen))
    write_whole(folder / "trials.csv", _csv(wanted, trials))
    report(corpus, config, wanted, trials).save(folder / "search.html")


def report(
    corpus: Corpus, config: ExperimentConfig, wanted: SearchPlan, trials: Sequence[FrozenTrial]
) -> Document:
    """Return what a search found."""
    keys = list(wanted.space.keys)
    scored = sorted((t for t in trials if t.value is not None and WHY not in t.user_attrs), key=_rank)
    given_up = [trial for trial in trials if WHY in trial.user_attrs]
    rows = [
        [
            *(point(trial, key) for key in keys),
            percent(float(trial.value or 0)),
            percent(trial.user_attrs["validation_UA"]),
            f"{trial.user_attrs['epoch']:.0f}",
        ]
        for trial in scored
    ]
    rows += [[*(point(trial, key) for key in keys), trial.user_attrs[WHY], "", ""] for trial in given_up]
    winner = (
        ", ".join(f"{key} = {point(scored[0], key)}" for key in keys) if scored else "no trial has a score"
    )
    facts = {
        "model": config.model.name,
        "corpus": f"{corpus.info.title} ({len(corpus)} utterances)",
        "split": f"{config.protocol.name}, fold {wanted.fold}, seed {wanted.seed}; the test part was not read",
        "chosen by": "validation WA of the best epoch; of equal ones by validation loss",
        "best": winner,
        "trials": f"{len(scored)} with a score, {len(given_up)} given up",
    }
    sections = [
        Section("Each key", figure=_figure(wanted, scored, given_up)),
        Section("Trials, best first", columns=(*keys, "validation WA (%)", "UA (%)", "epoch"), rows=rows),
    ]
    return Document("Search by validation WA", sections, facts=facts)


def point(trial: FrozenTrial, key: str) -> str:
    """Return a trial's value of a key as it reads."""
    value = trial.params[key]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rank(trial: FrozenTrial) -> tuple[float, float]:
    return -float(trial.value or 0), trial.user_attrs["validation_loss"]


def _csv(wanted: SearchPlan, trials: Sequence[FrozenTrial]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    scores = ("validation_UA", "validation_loss", "epoch", WHY)
    writer.writerow(("trial", *wanted.space.keys, "validation_WA", *scores))
    for trial in trials:
        value = "" if WHY in trial.user_attrs else trial.value
        said = [trial.user_attrs.get(name, "") for name in scores]
        writer.writerow((trial.number, *(trial.params.get(key) for key in wanted.space.keys), value, *said))
    return file.getvalue()


def _figure(wanted: SearchPlan, scored: Sequence[FrozenTrial], given_up: Sequence[FrozenTrial]) -> str:
    """Draw validation WA over each key; a trial that was given up stands where it was last."""
    keys = list(wanted.space.keys)
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(3.1 * min(len(keys), 3), 2.9 * -(-len(keys) // 3)), layout="constrained")
        for place, key in enumerate(keys, start=1):
            axes = figure.add_subplot(-(-len(keys) // 3), min(len(keys), 3), place)
            values = wanted.space.keys[key]
            for trials, marker, colour in ((given_up, "x", "0.6"), (scored, "o", "#1b6ca8")):
                if isinstance(values, Range):
                    across = [float(trial.params[key]) for trial in trials]
                else:
                    across = [float(values.index(trial.params[key])) for trial in trials]
                label = "given up" if marker == "x" else "with a score"
                axes.scatter(
                    across, [_last(trial) for trial in trials], marker=marker, color=colour, label=label
                )
            if isinstance(values, Range):
                axes.set_xscale("log" if values.log else "linear")
            else:
                axes.set_xticks(range(len(values)), [str(value) for value in values])
            axes.set(xlabel=key, ylabel="validation WA (%)" if place == 1 else "")
            axes.grid(alpha=0.25)
        if given_up:
            figure.axes[0].legend(frameon=False)
        return svg(figure)


def _last(trial: FrozenTrial) -> float:
    """Return a trial's score in percent, or the last that it had when it was given up."""
    if WHY not in trial.user_attrs:
        return 100 * float(trial.value or 0)
    return 100 * max(trial.intermediate_values.values(), default=0.0)
