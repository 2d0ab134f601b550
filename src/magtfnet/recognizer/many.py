"""Many recordings, one after another or in several processes: results in order, memory that does not grow.

However many files there are, only some pieces of the list are under way at a time.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from magtfnet.cores import MOST_ON_WINDOWS
from magtfnet.errors import MagtfnetError, WorkerError
from magtfnet.prediction import threshold
from magtfnet.recognizer.recognizer import EmotionRecognizer
from magtfnet.recognizer.result_rows import Row, as_row

PIECE = 32
"""Files that a process is given at once."""
AHEAD = 3
"""Pieces under way for each process."""


def predict_many(
    model: str | os.PathLike[str] | None,
    files: Iterable[Path],
    *,
    jobs: int = 1,
    unsure_below: float | None = None,
) -> Iterator[Row]:
    """Yield a row for each file in order: its prediction, or why there is none.

    Args:
        model: as ``EmotionRecognizer.load`` takes it.
        files: any number; they are taken as they are needed.
        jobs: processes; each has a model of its own on one thread. A script that asks for more than one needs the guard
            ``if __name__ == "__main__"``, as processes are spawned.
        unsure_below: as ``EmotionRecognizer.load`` takes it.

    Raises:
        MagtfnetError: the model cannot be loaded, or the threshold is not from 0 to 1.
        WorkerError: a process was killed.
    """
    if unsure_below is not None:
        unsure_below = threshold(unsure_below)
    if jobs == 1:
        recognizer = EmotionRecognizer.load(model, unsure_below=unsure_below)
        for piece in _pieces(files):
            yield from _rows(recognizer, piece)
        return
    if sys.platform == "win32":
        jobs = min(jobs, MOST_ON_WINDOWS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(model, unsure_below)) as pool:
        try:
            yield from _in_order(lambda piece: pool.submit(_work, piece), files, AHEAD * jobs)
        except BrokenProcessPool as error:
            raise WorkerError(
                "a process was killed, perhaps for want of memory; use fewer --jobs, --resume goes on"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    submit: Callable[[list[Path]], "Future[list[Row]]"], files: Iterable[Path], ahead: int
) -> Iterator[Row]:
    under_way: deque[Future[list[Row]]] = deque()
    for piece in _pieces(files):
        under_way.append(submit(piece))
        if len(under_way) >= ahead:
            yield from under_way.popleft().result()
    while under_way:
        yield from under_way.popleft().result()


def _pieces(files: Iterable[Path]) -> Iterator[list[Path]]:
    iterator = iter(files)
    while piece := list(islice(iterator, PIECE)):
        yield piece


def _rows(recognizer: EmotionRecognizer, files: Sequence[Path]) -> Iterator[Row]:
    for file, result in zip(files, recognizer.predict_each(files), strict=True):
        yield as_row(file, result)


_recognizer: EmotionRecognizer | MagtfnetError | None = None  # of a worker process; set once, when it begins


def _begin(model: str | os.PathLike[str] | None, unsure_below: float | None) -> None:
    global _recognizer
    try:
        _recognizer = EmotionRecognizer.load(model, unsure_below=unsure_below)
    except MagtfnetError as error:  # raised here it would end the process without a word to its parent
        _recognizer = error
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _work(files: list[Path]) -> list[Row]:
    if isinstance(_recognizer, MagtfnetError):
        raise _recognizer
    assert _recognizer is not None
    return list(_rows(_recognizer, files))
