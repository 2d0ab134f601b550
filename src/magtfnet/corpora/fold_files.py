"""Published folds in files: a CSV of ``id,fold``, or EmoBox's JSON lines (Ma et al., Interspeech 2024)."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from magtfnet.corpora.base import Corpus, Utterance
from magtfnet.errors import SplitError, StorageError

Fold = tuple[list[Utterance], list[Utterance]]
"""What is not tested, and what is."""
TESTED, LEARNT = "test_fold_", ("train_fold_", "valid_fold_")
"""In the names of EmoBox's files: of what is tested, and of what is not."""


def read_folds(file: Path, corpus: Corpus) -> list[Fold]:
    """Return the folds in their order; every utterance of the corpus is tested once, or EmoBox has one split.

    Raises:
        SplitError: the file is of neither kind, names an utterance that the corpus does not have, leaves one
            out, or tests one twice.
        StorageError: it cannot be read.
    """
    try:
        if file.suffix == ".jsonl" and file.is_file():
            file = file.parent  # one of EmoBox's files stands for all that lie beside it
        if re.fullmatch(r"fold_\d+", file.name) and file.is_dir() and not _emobox_files(file):
            file = file.parent  # as published, a folder a fold: the others lie beside it
        if file.is_dir():
            return _read_emobox(file, corpus)
        return _folds(file, corpus, _read_csv(file))
    except OSError as error:
        raise StorageError(
            f"{file}: {error.strerror}; name a CSV of id,fold or a folder of EmoBox's folds"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"{file}: not a table of folds ({error}); write it as CSV in UTF-8") from error


def _read_csv(file: Path) -> list[list[str]]:
    with file.open(
        newline="", encoding="utf-8-sig"
    ) as opened:  # spreadsheets put a mark before the first column
        rows = list(csv.DictReader(opened))
    if not rows or not {"id", "fold"} <= set(rows[0]):
        raise SplitError(f"{file}: not a table of folds; expected a CSV with the columns id and fold")
    for number, row in enumerate(rows, start=1):
        row |= {key: (row[key] or "").strip() for key in ("id", "fold")}
        if not row["id"] or not row["fold"]:
            raise SplitError(
                f"{file}: row {number} has no {'fold' if row['id'] else 'id'}; give every id one fold"
            )
    names = sorted({row["fold"] for row in rows}, key=_natural)
    return [[row["id"] for row in rows if row["fold"] == name] for name in names]


def _read_emobox(folder: Path, corpus: Corpus) -> list[Fold]:
    """Return the folds of ``test_fold_1.jsonl`` or, as published, ``fold_1/NAME_test_fold_1.jsonl``, and so on.

    Where there is one fold, the files of training and of validation beside it say what is not tested.
    """
    files = _emobox_files(folder) or sorted(
        folder.glob("fold_*/*_test_fold_*.jsonl"), key=lambda file: _natural(file.parent.name)
    )
    places = [file.parent for file in files if file.parent != folder]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise SplitError(f"{twice}: several files *_test_fold_*.jsonl; leave the one of the corpus there")
    if not files:
        raise SplitError(
            f"{folder}: neither test_fold_1.jsonl nor fold_1/*_test_fold_1.jsonl in it; expected EmoBox's folds, or "
            "name a CSV of id,fold"
        )
    ours = {_plain(utterance.id): utterance.id for utterance in corpus}
    tested = [_emobox_ids(file, ours) for file in files]
    if len(files) > 1:
        return _folds(folder, corpus, tested)
    beside = [files[0].with_name(files[0].name.replace(TESTED, part)) for part in LEARNT]
    learnt = [id_ for file in beside if file.is_file() for id_ in _emobox_ids(file, ours)]
    if not learnt:
        raise SplitError(
            f"{folder}: one fold has nothing to train on; give at least 2 folds, or put {beside[0].name} beside it"
        )
    if both := set(learnt) & set(tested[0]):
        raise SplitError(f"{folder}: utterance '{min(both)}' is learnt from and tested; give it one side")
    _, split = _folds(folder, corpus, [learnt, *tested])
    return [split]


def _emobox_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("test_fold_*.jsonl"), key=lambda file: _natural(file.name))


def _emobox_ids(file: Path, ours: Mapping[str, str]) -> list[str]:
    """Return the ids of a file in our spelling, which ``ours`` has by the plain one.

    EmoBox writes a hyphen for each underscore of some corpora's names; letters' case differs in others.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    ids = [_emobox_id(file, line) for line in lines if line.strip()]
    return [ours.get(_plain(id_), id_) for id_ in ids]


def _emobox_id(file: Path, line: str) -> str:
    """EmoBox's key is the corpus and the file's stem: ``emodb-03a02Wb``."""
    try:
        return str(json.loads(line)["key"]).partition("-")[2]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SplitError(
            f"{file}: '{line[:40]}' is not a JSON object with a key; expected EmoBox's folds"
        ) from error


def _plain(id_: str) -> str:
    return id_.replace("_", "-").casefold()


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(digits or 0), text) for digits, text in re.findall(r"(\d+)|(\D+)", name)]


def _folds(file: Path, corpus: Corpus, tested: Sequence[Sequence[str]]) -> list[Fold]:
    by_id = {utterance.id: utterance for utterance in corpus}
    fold_of: dict[str, int] = {}
    for number, ids in enumerate(tested):
        for id_ in ids:
            if id_ not in by_id:
                raise SplitError(
                    f"{file}: utterance '{id_}' is not in {corpus.name} at {corpus.root}; use its folds"
                )
            if id_ in fold_of:
                raise SplitError(f"{file}: utterance '{id_}' is tested twice; give every id one fold")
            fold_of[id_] = number
    absent = [id_ for id_ in by_id if id_ not in fold_of]
    if absent:
        raise SplitError(
            f"{file}: {len(absent)} utterances have no fold, '{absent[0]}' among them; give every id one"
        )
    for number, ids in enumerate(tested, start=1):
        if not ids:
            raise SplitError(f"{file}: fold {number} of {len(tested)} tests no utterance; give it some")
    if len(tested) < 2:
        raise SplitError(f"{file}: one fold has nothing to train on; give at least 2 folds")
    return [
        ([u for u in corpus if fold_of[u.id] != number], [u for u in corpus if fold_of[u.id] == number])
        for number in range(len(tested))
    ]
