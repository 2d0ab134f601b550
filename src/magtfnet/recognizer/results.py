"""A table of results over many recordings that an interruption does not lose."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from magtfnet.errors import ResultsError
from magtfnet.prediction import threshold
from magtfnet.progress import Progress, silent
from magtfnet.recognizer.description import describe
from magtfnet.recognizer.journal import Journal
from magtfnet.recognizer.library import find_model
from magtfnet.recognizer.many import predict_many
from magtfnet.recognizer.result_tables import writer_for


class Results:
    """Rows in a journal, then a table.

    Args:
        out: the table, ``.csv``, ``.jsonl`` or ``.parquet``.
        model: as ``EmotionRecognizer.load`` takes it.
        inputs: what was asked for, as it was written; resuming wants the same.
        recursive: as it was asked for.
        unsure_below: as ``EmotionRecognizer.load`` takes it.

    Raises:
        ResultsError: the table is there already, its folder is not, or its suffix is not known.
        MissingExtraError: Parquet, and pyarrow is not installed.
        MagtfnetError: the model cannot be read, or the threshold is not from 0 to 1.
    """

    def __init__(
        self,
        out: Path,
        model: str | os.PathLike[str] | None,
        inputs: Sequence[str],
        *,
        recursive: bool,
        unsure_below: float | None = None,
    ) -> None:
        self.write_table = writer_for(out)
        if out.exists():
            raise ResultsError(f"{out}: is there already; choose another --out, or remove it")
        if not out.parent.is_dir():
            raise ResultsError(f"{out.parent}: no such folder; make it, or choose another --out")
        self.out, self.model = out, find_model(model)
        described = describe(self.model)
        self.classes: tuple[str, ...] = tuple(described["classes"])
        self.unsure_below = None if unsure_below is None else threshold(unsure_below)
        heading = {
            "model": described["sha256"],
            "inputs": list(inputs),
            "recursive": recursive,
            "unsure_below": unsure_below,
        }
        self.journal = Journal(out.with_name(f"{out.name}.unfinished"), heading)

    def write(
        self,
        files: Iterable[Path],
        total: int,
        *,
        jobs: int = 1,
        resume: bool = False,
        progress: Progress = silent,
        on_failure: Callable[[str], None] = lambda error: None,
    ) -> int:
        """Predict, write the table, and return how many recordings could not be used.

        Args:
            files: in an order that does not change from one time to the next.
            total: how many they are.
            jobs: processes.
            resume: go on behind what an interrupted time left.
            progress: told each recording.
            on_failure: told the reason of each recording that could not be used, at the end, in order.

        Raises:
            ResultsError: unfinished results are there and are not to be resumed, are of other inputs or files, or
                another process writes them.
        """
        done = self.journal.open(resume=resume)
        try:
            waiting = iter(files)
            self._refuse_changed(islice(waiting, done))
            for row in predict_many(self.model, waiting, jobs=jobs, unsure_below=self.unsure_below):
                self.journal.add(row)
                done += 1
                progress("recordings", done, total)
            self.write_table(self.out, self.journal.rows(), self.classes)
            failed = 0
            for row in self.journal.rows():
                if "error" in row:
                    failed += 1
                    on_failure(row["error"])
            self.journal.remove()
        finally:
            self.journal.close()
        return failed

    def _refuse_changed(self, files: Iterable[Path]) -> None:
        """Refuse to go on where the files that were done are not the first ones of today."""
        again = (str(file) for file in files)
        for row in self.journal.rows():
            found = next(again, None)
            if found != row["file"]:
                raise ResultsError(
                    f"{self.journal.path}: has {row['file']} where now {found or 'nothing'} comes; the recordings have "
                    "changed since, so remove the file and begin anew"
                )
