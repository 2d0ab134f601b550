"""The paper's tables as data: which model stands in which row, and what the paper reports for it.

Zhu et al., Sensors 2025, 25, 7378. WA and UA in percent. Table 5's last row has UA and WA swapped against
Table 2, whose order is taken. Where the paper does not say whether a system has the LLD branch, both are rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from magtfnet.models.magtf_net import KERNEL_SETS, kernel_set_name

PAPERS_PARTS = {"iemocap": "improvised"}
PAPERS_LABELS = {"iemocap": "iemocap_4"}
"""What the paper takes of a corpus (section 4.1): IEMOCAP's improvised part, four classes, excitement merged."""
CORPUS_TITLES = {"iemocap": "IEMOCAP", "emodb": "EMO-DB"}
FULL = "magtf_net"
"""The full system, which every other row is compared with."""


@dataclass(frozen=True)
class Row:
    """A system in a table.

    Args:
        label: as the paper has it.
        model: a registered model.
        paper: (WA, UA) that the paper reports, None where it has none.
    """

    label: str
    model: str
    paper: tuple[float, float | None] | None = None


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Args:
        number: the paper's.
        title: what it compares.
        corpora: the corpora that the paper has it for.
        rows: its rows, and those that we add.
        note: what a reader must know.
    """

    number: int
    title: str
    corpora: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class ClassScores:
    """What Table 3 reports of the full system on a corpus: (precision, recall, F1) in percent by emotion."""

    corpus: str
    classes: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """What the paper says of two systems.

    Args:
        text: the claim.
        better: the model that is said to be better.
        worse: the other.
        tables: of the paper, that have both: by their difference in WA the claim is made.
    """

    text: str
    better: str
    worse: str
    tables: tuple[int, ...]

    def paper(self, corpus: str) -> float | None:
        """Return by how many points of WA on a corpus, None where the paper has no such figures."""
        for number in self.tables:
            scores = {row.model: row.paper for row in TABLES[number].rows if row.paper}
            if corpus in TABLES[number].corpora and {self.better, self.worse} <= scores.keys():
                return round(scores[self.better][0] - scores[self.worse][0], 2)
        return None


def _systems(number: int, corpus: str, paper: tuple[tuple[float, float], ...]) -> PaperTable:
    names = ("CNN-BLSTM", "D_CNN-BLSTM", "D_MAG-BLSTM", "D_CNN-Transformer", "MAG-Transformer")
    models = ("cnn_blstm", "d_cnn_blstm", "d_mag_blstm", "d_cnn_transformer", FULL)
    rows = []
    for letter, name, model, scores in zip("abcde", names, models, paper, strict=True):
        rows.append(Row(f"({letter}) {name}", model, scores))
        elsewhere = model == FULL  # Table 5 has it, with a figure of its own
        rows.append(
            Row(f"({letter}) {name} without LLD", f"{model}_without_lld", None if elsewhere else scores)
        )
    note = "The paper does not say whether (a) to (d) have the LLD branch: both are trained, beside the same figure."
    title = f"systems on {CORPUS_TITLES[corpus]}"
    return PaperTable(number, title, (corpus,), tuple(rows), note)


TABLES: dict[int, PaperTable] = {
    1: _systems(
        1, "iemocap", ((53.64, 61.04), (62.79, 63.82), (69.83, 67.57), (66.38, 64.56), (69.15, 70.86))
    ),
    2: _systems(2, "emodb", ((68.52, 63.71), (70.37, 70.62), (75.93, 76.56), (77.78, 74.71), (83.33, 79.11))),
    3: PaperTable(
        3,
        "the full system, class by class",
        ("iemocap", "casia", "emodb"),
        (Row("MAGTF-Net", FULL),),
    ),
    4: PaperTable(
        4,
        "other systems on EMO-DB",
        ("emodb",),
        (
            Row("DNN-ELM [48]", "dnn_elm", (80.9, None)),
            Row("3DRNN+Attention [49]", "acrnn_3d", (82.8, None)),
            Row("Dual-TBNet [32]", "dual_tbnet", (84.1, None)),
            Row("DenseNet-GRU [50]", "densenet_gru", (82.0, None)),
            Row("SVM+Decision Tree [51]", "svm_decision_tree", (85.8, None)),
            Row("CNN+ChannelAttention [52]", "cnn_channel_attention", (84.6, None)),
            Row("MAGTF-Net", FULL, (81.2, None)),
        ),
        "The paper quotes one figure a system, from its authors' own splits; for itself the mean of WA and UA. "
        "DenseNet-GRU and the CNN with channel attention are built from their papers' titles and figures alone. "
        "Dual-TBNet is here without self-supervised features. Wav2Vec2.0 [53] needs weights that are not at hand. "
        "A page in the folder of each protocol that has all systems shows size, times and accuracy against cost.",
    ),
    5: PaperTable(
        5,
        "ablation on EMO-DB",
        ("emodb",),
        (
            Row("- LLD", "magtf_net_without_lld", (64.8, 64.9)),
            Row("- GraphBlock", "magtf_net_without_graph_block", (72.2, 74.0)),
            Row("graph before StartConv (eq. 9)", "magtf_net_graph_first"),
            Row("frames in the LLD branch (section 3.3)", "magtf_net_frames"),
            Row("full", FULL, (83.33, 79.11)),
        ),
        "The paper's row 'FusionNet' has UA and WA swapped against Table 2; Table 2's order is taken.",
    ),
    6: PaperTable(
        6,
        "kernel sets on EMO-DB",
        ("emodb",),
        tuple(
            Row("{" + ", ".join(map(str, sizes)) + "}", kernel_set_name(sizes), (wa, ua))
            for sizes, (ua, wa) in zip(
                KERNEL_SETS,
                (
                    (70.81, 66.67),
                    (80.58, 79.63),
                    (71.37, 68.52),
                    (66.02, 61.11),
                    (80.23, 77.78),
                    (66.16, 68.52),
                    (77.52, 75.93),
                    (80.27, 78.33),
                    (79.11, 83.33),
                ),
                strict=True,
            )
        ),
    ),
}

CLASS_SCORES = (
    ClassScores(
        "iemocap",
        {
            "anger": (66.67, 81.48, 73.33),
            "sadness": (83.78, 59.62, 69.66),
            "neutral": (72.65, 68.55, 70.54),
            "happiness": (59.26, 69.57, 64.00),
        },
    ),
    ClassScores(
        "casia",
        {
            "anger": (71.43, 93.75, 81.08),
            "sadness": (67.86, 90.48, 77.55),
            "neutral": (96.15, 96.15, 96.15),
            "happiness": (100.00, 66.67, 80.00),
            "fear": (75.00, 47.37, 58.06),
            "surprise": (85.71, 90.00, 87.80),
        },
    ),
    ClassScores(
        "emodb",
        {
            "anger": (85.71, 92.31, 88.89),
            "sadness": (100.00, 100.00, 100.00),
            "neutral": (62.50, 71.43, 66.67),
            "happiness": (75.00, 50.00, 60.00),
            "disgust": (100.00, 100.00, 100.00),
            "fear": (76.92, 100.00, 86.96),
            "boredom": (100.00, 40.00, 57.14),
        },
    ),
)

CLAIMS = (
    Claim("Whole utterances beat slices of one length", "d_cnn_blstm", "cnn_blstm", (1, 2)),
    Claim("The MAG encoder beats plain convolutions before a BLSTM", "d_mag_blstm", "d_cnn_blstm", (1, 2)),
    Claim(
        "The Transformer beats the BLSTM behind plain convolutions",
        "d_cnn_transformer",
        "d_cnn_blstm",
        (1, 2),
    ),
    Claim("MAG encoder and Transformer together beat MAG-BLSTM", FULL, "d_mag_blstm", (1, 2)),
    Claim("MAG encoder and Transformer together beat CNN-Transformer", FULL, "d_cnn_transformer", (1, 2)),
    Claim("The LLD branch helps", FULL, "magtf_net_without_lld", (5,)),
    Claim("The GraphBlock helps", FULL, "magtf_net_without_graph_block", (5,)),
    *(
        Claim(f"All five kernels beat {row.label}", FULL, row.model, (6,))
        for row in TABLES[6].rows
        if row.model != FULL
    ),
)
"""By Tables 1, 2, 5 and 6; section 4.5 names 14.3 and 6.9 points for the LLD branch and the GraphBlock, from Table 5's
swapped last row."""
