"""Anyone's own recordings: a table with a row per utterance.

A CSV or Parquet file with the columns ``path`` (relative to the table, or absolute) and ``emotion`` and,
where they are known, ``id``, ``speaker``, ``sentence``, ``session``, ``sex``, ``start`` and ``end``
(seconds). There NA, NaN and the like say that a value is not known: of speakers without a name one must not be made.
"""

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magtfnet.corpora.base import CorpusInfo, LeftOut, Utterance, register_own_data
from magtfnet.corpora.mapping import LabelMapping
from magtfnet.errors import ConfigError, CorpusLayoutError, CorpusRootError, MissingExtraError
from magtfnet.labels import composed

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("path", "emotion")
OPTIONAL = ("id", "speaker", "sentence", "session", "sex", "start", "end")
NAMES = ("emotion", "speaker", "sentence", "session")
MISSING = frozenset({"na", "n/a", "nan", "<na>", "null", "none"})
"""What R, pandas and databases write where there is nothing; of a path and an emotion it may be the value itself."""

INFO = CorpusInfo(
    name="table",
    title="Your own recordings, a row per utterance",
    licence="yours",
    source="a CSV file in UTF-8, or a Parquet file, with the columns path and emotion",
)


@register_own_data(INFO)
def read_table(root: Path, mapping: LabelMapping) -> Iterator[Utterance | LeftOut]:
    """Yield the rows in their order; a row whose emotion the mapping leaves out is counted."""
    if mapping.speaker is not None or mapping.sentence is not None:
        raise ConfigError(
            "a table has columns for speakers and sentences; take the patterns out of the mapping file"
        )
    for number, row in enumerate(_read_frame(root).to_dict("records"), start=1):
        where = f"{root}, row {number}"
        values = {key: _text(row.get(key)) for key in (*REQUIRED, *OPTIONAL)}
        values |= {key: None for key in OPTIONAL if (values[key] or "").casefold() in MISSING}
        values |= {key: composed(name) for key in NAMES if (name := values[key]) is not None}
        for key in REQUIRED:
            if values[key] is None:
                raise CorpusLayoutError(
                    root, f"row {number} has no {key}", "a value in every row: fill it or cut it"
                )
        path = root.parent / str(values["path"])
        if not path.is_file():
            slashes = ", with / between folders" if "\\" in str(values["path"]) else ""
            raise CorpusLayoutError(
                root, f"row {number} names {path}, which is not a file", f"the path of a recording{slashes}"
            )
        emotion = mapping.emotion(str(values["emotion"]), where)
        if emotion is None:
            yield LeftOut(path, f"emotion '{values['emotion']}' is left out by the mapping file")
            continue
        start, end = _seconds(root, number, values, "start"), _seconds(root, number, values, "end")
        if end is not None and end <= (start or 0.0):
            raise CorpusLayoutError(
                root, f"row {number} ends at {end} s and starts at {start or 0.0} s", "end after start"
            )
        yield Utterance(
            id=values["id"] or default_id(str(values["path"]), start, end),
            path=path,
            emotion=emotion,
            speaker=values["speaker"],
            sentence=values["sentence"],
            session=values["session"],
            sex=values["sex"],
            start=start,
            end=end,
        )


def _read_frame(root: Path) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "train") from error
    if root.is_dir():
        raise CorpusRootError(
            root, "a folder", f"{INFO.source}; for one folder per emotion use the corpus 'folder'"
        )
    try:
        if root.suffix.lower() == ".parquet":
            frame = pd.read_parquet(root)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "error", pd.errors.ParserWarning
                )  # rows of more cells than the header has
                frame = pd.read_csv(
                    root, dtype=str, keep_default_na=False, index_col=False, skipinitialspace=True
                )  # speaker 01 stays 01
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = "not in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).splitlines()[0]
        raise CorpusRootError(root, f"not a table that can be read ({reason})", INFO.source) from error
    missing = [column for column in REQUIRED if column not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns))
        hint = "" if len(frame.columns) > 1 else ", separated by commas"
        raise CorpusRootError(root, f"no column '{missing[0]}' among {found}", INFO.source + hint)
    for column in map(str, frame.columns):
        # pandas calls the second of two columns of one name 'emotion.1'
        meant = re.sub(r"\.\d+$", "", column.strip().casefold())
        if meant in (*REQUIRED, *OPTIONAL) and column != meant:
            raise CorpusRootError(
                root,
                f"a column '{column}', which would be passed over",
                f"'{meant}' once and so spelt; rename or cut the other",
            )
    return frame


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value).strip() or None


def _seconds(root: Path, number: int, values: Mapping[str, str | None], key: str) -> float | None:
    text = values[key]
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise CorpusLayoutError(root, f"row {number} has {key} = '{text}'", "seconds, 0 or more")
    return seconds


def default_id(path: str, start: float | None, end: float | None) -> str:
    """Return the id of a recording, or of a part of it, whose table gives none."""
    if start is None and end is None:
        return path
    return f"{path}#{start or 0:.10g}-{'' if end is None else format(end, '.10g')}"
