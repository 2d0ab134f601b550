"""Databases in audEERING's format, audformat: ``db.yaml`` with a table for each kind of annotation.

Any of them, by its folder; ``magtfnet fetch audformat --database emodb==1.4.1`` gets a public one. The emotion is
a column ``emotion`` (or of a scheme of that name) of a table; where several tables have one and none is called
``emotion``, the user names the table's file instead of the folder. Speaker, sentence and session are taken from
columns of these names, in that table or any other, and the speaker's sex from what the scheme says of speakers.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magtfnet.corpora.base import CorpusInfo, LeftOut, Utterance, register_own_data
from magtfnet.corpora.mapping import LabelMapping
from magtfnet.corpora.table import default_id
from magtfnet.errors import ConfigError, CorpusLayoutError, CorpusRootError, MissingExtraError
from magtfnet.labels import composed

if TYPE_CHECKING:
    from audformat import Database, Table

HEADER = "db.yaml"
EMOTION = "emotion"
SPEAKER = ("speaker",)
SENTENCE = ("sentence", "transcription", "transcript", "text")
SESSION = ("session",)
SEX = ("gender", "sex")
"""Names of the columns that may say it; the first that is there does."""

INFO = CorpusInfo(
    name="audformat",
    title="A database in audEERING's format",
    licence="that of the database",
    source="a folder with db.yaml, or one of its tables, such as db.emotion.csv",
)


@dataclass(frozen=True)
class Row:
    """A row of the table of emotions, with what else is known of it; times in seconds."""

    file: str
    start: float | None
    end: float | None
    native: str | None
    speaker: str | None
    sentence: str | None
    session: str | None
    sex: str | None


def describe(root: Path) -> CorpusInfo:
    """Return what the header says: name, languages (ISO 639-3), licence, source."""
    with _quiet():
        database = _load(root if root.is_dir() else root.parent)
    return replace(
        INFO,
        name=f"{INFO.name}:{database.name}",
        title=f"{database.name}, a database in audEERING's format",
        language=", ".join(database.languages) or None,
        licence=str(database.license or f"not stated; usage: {database.usage}"),
        source=database.source or INFO.source,
    )


@register_own_data(INFO, describe)
def read_audformat(root: Path, mapping: LabelMapping) -> Iterator[Utterance | LeftOut]:
    """Yield the rows of the table of emotions in their order."""
    if mapping.speaker is not None or mapping.sentence is not None:
        raise ConfigError(
            "a database has columns for speakers and sentences; take the patterns out of the mapping file"
        )
    if root.is_file() and not root.name.startswith("db."):
        raise CorpusRootError(root, "a file, not a folder", INFO.source)
    folder = root if root.is_dir() else root.parent
    if not (folder / HEADER).is_file():
        return
    for row in _read_rows(root, folder):
        path = folder / row.file
        if not path.is_file():
            raise CorpusLayoutError(root, f"a row names {path}, which is not a file", "the whole database")
        emotion = None if row.native is None else mapping.emotion(row.native, f"{root}, {row.file}")
        if emotion is None:
            left_out = f"emotion '{row.native}' is left out by {mapping.name}"
            yield LeftOut(path, "no emotion" if row.native is None else left_out)
            continue
        yield Utterance(
            id=default_id(row.file, row.start, row.end),
            path=path,
            emotion=emotion,
            start=row.start,
            end=row.end,
            speaker=row.speaker,
            sentence=row.sentence,
            session=row.session,
            sex=row.sex,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings that audformat causes in the pandas of today from users, who can do nothing about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _read_rows(root: Path, folder: Path) -> list[Row]:
    with _quiet():
        database = _load(folder)
        with _named(root, "not a database that can be read"):  # tables are read when they are asked for
            table = _table_of_emotions(root, folder, database)
            natives = table.get(as_segmented=True)[_emotion_column(table)]
            said = [_values(database, table, names) for names in (SPEAKER, SENTENCE, SESSION)]
            said.append(_sexes(database, table))
    return [
        Row(
            file,
            _seconds(start) or None,  # a whole recording starts at 0, and so does its first part
            _seconds(end),
            _text(native),
            *known,
        )
        for ((file, start, end), native), *known in zip(natives.items(), *said, strict=True)
    ]


def _load(folder: Path) -> "Database":
    try:
        import audformat
    except ModuleNotFoundError as error:
        raise MissingExtraError("audformat", "audformat") from error
    with _named(folder / HEADER, "not a header that can be read"):
        return audformat.Database.load(str(folder))


@contextmanager
def _named(place: Path, what: str) -> Iterator[None]:
    """Turn what audformat raises of damaged files into one line."""
    from yaml import YAMLError

    try:
        yield
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorpusRootError(place, f"{what} ({reason})", INFO.source) from error


def _table_of_emotions(root: Path, folder: Path, database: "Database") -> "Table":
    """Return the table that the user named, or the one that holds the emotions."""
    tables = {id_: table for id_, table in database.tables.items() if _emotion_column(table) is not None}
    if not tables:
        raise CorpusRootError(root, "no table with a column 'emotion'", INFO.source)
    if root.is_file() and root.name != HEADER:
        name = root.stem.removeprefix("db.")
        found = f"no emotions in the table '{name}'"
    else:
        name = next(iter(tables)) if len(tables) == 1 else EMOTION
        found = "several tables with emotions"
    if name not in tables:
        files = sorted(path.name for id_ in tables for path in folder.glob(f"db.{id_}.*"))
        raise CorpusRootError(root, found, f"one of them by its file: {', '.join(files)}")
    return tables[name]


def _emotion_column(table: "Table") -> str | None:
    if EMOTION in table.columns:
        return EMOTION
    return next((name for name, column in table.columns.items() if column.scheme_id == EMOTION), None)


def _values(
    database: "Database", table: "Table", names: Sequence[str], field: str | None = None
) -> list[str | None]:
    """Return, for each row of a table, what a column says: one of its own, or those of tables of whole files.

    ``field`` is what the column's scheme is asked to say of the value. None where nobody says it.
    """
    whole_files = [other for other in database.tables.values() if other.is_filewise]
    by_file: dict[str, str] = {}
    for source in (table, *whole_files):
        for name in names:
            if name not in source.columns:
                continue
            try:
                values = [_text(value) for value in source.columns[name].get(map=field)]
            except ValueError:  # the scheme says no such thing
                continue
            if source is table:
                return values
            for file, value in zip(source.files, values, strict=True):
                if value is not None:
                    by_file.setdefault(file, value)  # a table of each part has its own files
    return [by_file.get(file) for file in table.files]


def _sexes(database: "Database", table: "Table") -> list[str | None]:
    """Return the sex of each row's speaker, from the scheme of speakers or from a column of its own."""
    for field in SEX:
        values = _values(database, table, SPEAKER, field)
        if any(value is not None for value in values):
            return values
    return _values(database, table, SEX)


def _text(value: Any) -> str | None:
    if value is None or str(value) in ("nan", "NaT", "<NA>"):
        return None
    return composed(str(value)).strip() or None


def _seconds(value: Any) -> float | None:
    return None if _text(value) is None else float(value.total_seconds())
