"""A split of a corpus into training, validation and test that refuses to exist when anything leaks."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from magtfnet.corpora.base import Corpus, Utterance
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.errors import LeakError, SplitError, StorageError
from magtfnet.writing import write_whole

PARTS = ("train", "validation", "test")
COLUMNS = (
    "id",
    "part",
    "emotion",
    "speaker",
    "sentence",
    "session",
    "recording",
    "protocol",
    "fold",
    "disjoint_by",
)
DISJOINT_KEYS = ("speaker", "sentence", "session")


@dataclass(frozen=True)
class Split:
    """Who is trained on, who selects, and who is tested.

    Args:
        protocol: the name of the protocol that made it.
        fold: its number, from 0.
        train: what is learnt from.
        validation: what selects epochs and everything else.
        test: read once, after selection.
        disjoint_by: which of speaker, sentence and session stand on one side only.
        duplicates: utterance id to a key that utterances with the same samples share, as ``find_duplicates``
            returns it; where it is not given, the recordings are compared here.

    Raises:
        LeakError: an utterance, its duplicate or one of ``disjoint_by`` stands on two sides.
        SplitError: a part is empty, a class of the others is missing from training, or a key of
            ``disjoint_by`` is unknown for an utterance.
        AudioError: recordings that must be compared cannot be read.
    """

    protocol: str
    fold: int
    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    disjoint_by: tuple[str, ...] = ()
    duplicates: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.duplicates is None:
            utterances = {utterance.id: utterance for part in self.parts().values() for utterance in part}
            object.__setattr__(self, "duplicates", find_duplicates(utterances.values()))
        for name, part in self.parts().items():
            if not part:
                raise SplitError(
                    f"{self.protocol}, fold {self.fold}: the {name} part is empty; use fewer folds or another protocol"
                )
        self._refuse_leak("utterance", {name: [u.id for u in part] for name, part in self.parts().items()})
        self._refuse_leak(
            "recording", {n: [self._recording(u) for u in part] for n, part in self.parts().items()}
        )
        for key in self.disjoint_by:
            self._refuse_leak(
                key, {n: [self._known(u, key) for u in part] for n, part in self.parts().items()}
            )
        learnt = {utterance.emotion for utterance in self.train}
        for name in ("validation", "test"):
            for utterance in self.parts()[name]:
                if utterance.emotion not in learnt:
                    raise SplitError(
                        f"{self.protocol}, fold {self.fold}: class '{utterance.emotion}' is in the {name} part but "
                        "has no training utterance; leave it out or merge it by a mapping file (--labels), or choose "
                        "another protocol"
                    )
        if len(self.train) < 2:
            raise SplitError(
                f"{self.protocol}, fold {self.fold}: one training utterance is too few; use fewer folds or another "
                "protocol"
            )

    def parts(self) -> dict[str, tuple[Utterance, ...]]:
        """Return the three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def describe(self) -> str:
        """Return sizes, and who is tested where that is few, in a line."""
        sizes = ", ".join(f"{name} {len(part)}" for name, part in self.parts().items())
        tested = [
            f"{key} {', '.join(sorted({str(getattr(u, key)) for u in self.test}))}"
            for key in self.disjoint_by
        ]
        return f"{self.protocol}, fold {self.fold}: {sizes}" + "".join(f"; tested {text}" for text in tested)

    def save(self, path: Path) -> None:
        """Write the split as a CSV table, one row an utterance."""
        write_whole(path, self.to_csv())

    def to_csv(self) -> str:
        """Return the table that ``save`` writes."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, part in self.parts().items():
            for u in part:
                row = (
                    u.id,
                    name,
                    u.emotion,
                    u.speaker,
                    u.sentence,
                    u.session,
                    (self.duplicates or {}).get(u.id),
                )
                writer.writerow((*row, self.protocol, self.fold, " ".join(self.disjoint_by)))
        return file.getvalue()

    @classmethod
    def load(cls, path: Path, corpus: Corpus, duplicates: Mapping[str, str] | None = None) -> "Split":
        """Read a split that was saved, of the same corpus, and check it again; recordings are compared anew.

        Raises:
            SplitError: the file is not such a table, or names an utterance that the corpus does not have.
            StorageError: it cannot be read.
        """
        try:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            raise StorageError(
                f"{path}: {error.strerror}; name a split that 'magtfnet train' wrote"
            ) from error
        except csv.Error as error:
            raise SplitError(
                f"{path}: not a CSV table ({error}); name a split that 'magtfnet train' wrote"
            ) from error
        if not rows or not set(COLUMNS) <= set(rows[0]) or not _is_whole(rows):
            raise SplitError(f"{path}: not a split; expected a CSV with the columns {', '.join(COLUMNS)}")
        by_id = {utterance.id: utterance for utterance in corpus}
        parts: dict[str, list[Utterance]] = {name: [] for name in PARTS}
        for row in rows:
            if row["id"] not in by_id:
                raise SplitError(
                    f"{path}: utterance '{row['id']}' is not in {corpus.name} at {corpus.root}; use its copy"
                )
            if row["part"] not in parts:
                raise SplitError(f"{path}: unknown part '{row['part']}', expected one of {', '.join(PARTS)}")
            parts[row["part"]].append(by_id[row["id"]])
        first = rows[0]
        return cls(
            first["protocol"],
            int(first["fold"]),
            tuple(parts["train"]),
            tuple(parts["validation"]),
            tuple(parts["test"]),
            disjoint_by=tuple(first["disjoint_by"].split()),
            duplicates=duplicates,
        )

    def _recording(self, utterance: Utterance) -> str:
        # Two ids of one file and the same times are one recording even where nobody compared samples.
        place = f"{utterance.path} {utterance.start} {utterance.end}"
        return (self.duplicates or {}).get(utterance.id, place)

    def _known(self, utterance: Utterance, key: str) -> str:
        value: str | None = getattr(utterance, key)
        if value is None:
            raise SplitError(unknown_key_message(self.protocol, utterance.id, key))
        return value

    def _refuse_leak(self, kind: str, sides: Mapping[str, Iterable[str]]) -> None:
        sets = {name: set(values) for name, values in sides.items()}
        for a, b in combinations(PARTS, 2):
            shared = sets[a] & sets[b]
            if shared:
                raise LeakError(kind, min(shared), (a, b))


def _is_whole(rows: list[dict[str, str]]) -> bool:
    """Whether every row has its cells, a number for the fold, and known keys of disjointness."""
    return all(
        None not in row and None not in row.values() and row["fold"].isdigit() for row in rows
    ) and set(rows[0]["disjoint_by"].split()) <= set(DISJOINT_KEYS)


def unknown_key_message(protocol: str, id_: str, key: str) -> str:
    """Say that a protocol needs a key which an utterance lacks."""
    return (
        f"{protocol} needs the {key} of every utterance, and '{id_}' has none; "
        f"give it (a column '{key}' of a table, a pattern in the mapping file of a folder), "
        f"or choose a protocol that shares {key}s by name"
    )
