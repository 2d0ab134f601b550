"""A reproduction as a report: the paper's figure beside ours in every row, and which of its claims hold here."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from magtfnet.classical import CLASSICAL
from magtfnet.config import ModelConfig
from magtfnet.corpora import Corpus
from magtfnet.evaluation import AggregateReport
from magtfnet.evaluation.cells import (
    SCORE_COLUMNS,
    difference_cells,
    difference_columns,
    how_to_read,
    score_cells,
)
from magtfnet.evaluation.document import Document, Section
from magtfnet.evaluation.figures import confusion_figure
from magtfnet.evaluation.page import notes
from magtfnet.evaluation.paired import Estimate, difference, holm
from magtfnet.evaluation.wording import percent, percent_range, signed
from magtfnet.experiments.paper_tables import CLAIMS, CLASS_SCORES, FULL, TABLES, Claim, PaperTable, Row
from magtfnet.experiments.reproduction import (
    OURS,
    PAPERS_PROTOCOL,
    PUBLISHED_FOLDS,
    SPEAKERS_APART,
    Reproduction,
    Study,
)
from magtfnet.models.cost import count_parameters, multiply_adds_per_second
from magtfnet.recognizer.bundle import build

COLUMNS = (
    "system",
    "paper WA",
    "paper UA",
    "runs",
    *SCORE_COLUMNS,
    *difference_columns("the full system"),
    "parameters",
    "million multiply-adds a second",
)
PROTOCOLS = {
    PAPERS_PROTOCOL: "the paper's protocol (speakers and sentences shared between the parts)",
    PUBLISHED_FOLDS: "published folds",
    SPEAKERS_APART: "nobody tested was heard in training or validation",
}
HOW = (
    f"{how_to_read('the full system', 'the rows of a table; the claims are a family of their own')} New speakers "
    "vary more than new utterances."
)
SIGNIFICANT = 0.05
WARNING = "A rehearsal of one epoch on one split: these figures are not results and must not be quoted."


class Comparison:
    """The studies of one corpus under one protocol, each compared with the full system.

    Args:
        result: the reproduction.
        corpus: the corpus' name.
        protocol: the protocol's.
    """

    def __init__(self, result: Reproduction, corpus: str, protocol: str) -> None:
        self.corpus: Corpus = result.request.corpora[corpus]
        self.protocol = protocol
        self.reports = {
            study.model: report
            for study, report in result.reports.items()
            if (study.corpus, study.protocol) == (corpus, protocol)
        }
        self.config = result.config
        self.learnt = result.learnt

    @cached_property
    def full(self) -> AggregateReport:
        """The full system's runs."""
        return self.reports[FULL]

    def table(self, table: PaperTable) -> Section:
        """Return a table of the paper with ours beside it."""
        rows = [row for row in table.rows if row.model in self.reports]
        against = difference_cells(
            {model: self.reports[model] for model in [FULL, *(r.model for r in rows)]}, FULL
        )
        lines = [self._line(row, against[row.model]) for row in rows]
        heading = f"Table {table.number}: {table.title}" if table.number else table.title
        return Section(heading, 3, [table.note] if table.note else [], columns=COLUMNS, rows=lines)

    def _line(self, row: Row, against: Sequence[str]) -> list[str]:
        report = self.reports[row.model]
        paper = ["" if value is None else f"{value:.2f}" for value in row.paper or (None, None)]
        ours = score_cells(report)
        return [row.label, *paper, str(len(report.runs)), *ours, *against, *self._cost(row.model)]

    def _cost(self, name: str) -> list[str]:
        """Return parameters and multiply-adds, which are not counted of classical systems."""
        if name in CLASSICAL:
            return [f"{self.learnt[Study(self.corpus.name, self.protocol, name)]:,}", ""]
        overrides = self.config.model.overrides if name in OURS else {}
        model_config = ModelConfig(name=name, **overrides)
        model, _ = build(len(self.corpus.labels), self.config.audio, self.config.features, model_config)
        rate = self.config.audio.sample_rate / self.config.features.stft.hop_length
        return [f"{count_parameters(model):,}", f"{multiply_adds_per_second(model, rate) / 1e6:.1f}"]

    def classes(self) -> Section:
        """Return Table 3: the full system class by class, the paper's figures beside ours."""
        paper = next((known.classes for known in CLASS_SCORES if known.corpus == self.corpus.name), {})
        ours = self.full.pooled.per_class
        lines = []
        for k, name in enumerate(self.full.pooled.classes):
            theirs = [f"{value:.2f}" for value in paper[name]] if name in paper else ["", "", ""]
            mine = [percent(float(part[k])) for part in (ours.precision, ours.recall, ours.f1)]
            lines.append([name, *theirs, *mine, str(int(ours.support[k]))])
        columns = ("emotion", "paper P", "paper R", "paper F1", "P", "R", "F1", "test predictions")
        note = f"All predictions together, in percent; runs: {len(self.full.runs)}."
        return Section("Table 3: the full system, class by class", 3, [note], columns=columns, rows=lines)

    def confusion(self) -> Section:
        """Return the confusion matrix, as the paper's Figures 4 to 6."""
        return Section(
            f"Confusion matrix: {FULL} on {self.corpus.name}", 3, figure=confusion_figure(self.full.pooled)
        )

    def claims(self) -> Section | None:
        """Return what the paper claims of these systems, and what is found here; None where nothing was compared."""
        told = [claim for claim in CLAIMS if {claim.better, claim.worse} <= self.reports.keys()]
        if not told:
            return None
        found = [difference(self.reports[claim.better], self.reports[claim.worse]).weighted for claim in told]
        corrected = holm([estimate.p_value for estimate in found])
        paper = [claim.paper(self.corpus.name) for claim in told]
        points = [verdict(*each) for each in zip(told, paper, found, corrected, strict=True)]
        text = f"By WA; p is corrected for these {len(told)} comparisons."
        return Section("Which of the paper's claims hold here", 3, [text], points)


def report(result: Reproduction, command: str) -> Document:
    """Return the report of a reproduction.

    Args:
        result: what was trained.
        command: what made it, without anybody's paths.
    """
    sections: list[Section] = [Section("How to read this", paragraphs=[HOW])]
    for corpus, protocol in dict.fromkeys((study.corpus, study.protocol) for study in result.reports):
        sections += _sections(
            Comparison(result, corpus, protocol), result.request.tables, result.request.quick
        )
    sections += list(_missing(result))
    training = result.config.training
    facts = {
        "recipe": f"{training.optimizer}, learning rate {training.learning_rate:g}, batches of {training.batch_size}, "
        f"at most {training.epochs} epochs, patience {training.patience}, {training.precision}",
        "epoch": "chosen by validation WA; each test part was read once, after that",
    }
    warnings = [WARNING] if result.request.quick else []
    title = "MAGTF-Net: the paper's tables" + (" (rehearsal)" if result.request.quick else "")
    return Document(title, sections, warnings, command, facts)


def _sections(comparison: Comparison, numbers: Sequence[int], is_rehearsal: bool) -> Iterator[Section]:
    corpus, protocol = comparison.corpus, comparison.protocol
    runs = len(comparison.full.runs)
    text = f"{corpus.info.title}, {len(corpus)} utterances; {PROTOCOLS[protocol]}; {runs} run{'s' * (runs > 1)} a row."
    yield Section(f"{corpus.name}, {protocol}", 2, [text], notes(comparison.full))
    yield comparison.table(PaperTable(0, "The full system", (), (Row("MAGTF-Net", FULL),)))
    for number in numbers:
        table = TABLES[number]
        if number == 3:
            yield comparison.classes()
            yield comparison.confusion()
        elif corpus.name in table.corpora and protocol != PUBLISHED_FOLDS:
            yield comparison.table(table)
    claims = comparison.claims()
    if claims and not is_rehearsal:
        yield claims


def _missing(result: Reproduction) -> Iterator[Section]:
    """Say which tables have no corpus, which protocols a corpus cannot satisfy, and which models diverged."""
    points = [
        f"Table {number} on {name}: the corpus is not there; --corpus {name}=ROOT adds it"
        for number in result.request.tables
        for name in TABLES[number].corpora
        if name not in result.request.corpora
    ]
    points += [f"{what}: {why}" for what, why in result.refused.items()]
    points += result.diverged.values()
    if points:
        yield Section("What is missing", 2, points=points)


def verdict(claim: Claim, paper: float | None, found: Estimate, corrected: float) -> str:
    """Say in a sentence whether a claim holds: the paired difference, its interval, its corrected p-value."""
    measured = (
        f"{signed(found.value)} points (95 % interval {percent_range(found.interval)}, p = {corrected:.3f})"
    )
    if corrected >= SIGNIFICANT:
        said = "cannot be told here"
    else:
        said = "holds here" if found.value > 0 else "does not hold here: the opposite was found"
    told = "the paper has no figure for this corpus" if paper is None else f"paper: {paper:+.2f} points"
    return f"{claim.text} ({told}): {said}, {measured}."
