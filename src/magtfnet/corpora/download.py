"""Downloading a corpus from its official address: gone on with where it stopped, held to its publisher's checksums.

Everything is collected in ``ROOT.part``, which becomes ``ROOT`` when all is there.
"""

import logging
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from magtfnet.corpora.base import CorpusInfo
from magtfnet.corpora.sources import RemoteFile, resolved_checksum
from magtfnet.errors import DownloadError, MissingExtraError, StorageError
from magtfnet.progress import Progress, silent
from magtfnet.writing import take_place

CHUNK = 1 << 14
"""Bytes read at a time; of a chunk in which a connection breaks nothing is kept."""
TIMEOUT = 30
"""Seconds without a byte, after which a connection counts as lost."""
TRIES = 3
MEGABYTE = 1_000_000
KEPT = "what was received is kept, the same command goes on from there"


def fetch(info: CorpusInfo, root: Path, progress: Progress = silent) -> None:
    """Download a corpus into a new folder.

    Raises:
        StorageError: the folder is there already and not empty.
        DownloadError: an address does not answer, or a file is not what its publisher says.
    """
    root = root.absolute()
    _refuse_there(root)
    partial = root.with_name(f"{root.name}.part")
    archives, content = partial / "archives", partial / "content"
    content.mkdir(parents=True, exist_ok=True)
    files = [file for source in info.downloads for file in source.files(read_text)]
    if not files:
        raise DownloadError(info.source, "its list names no file")
    with _quiet_pooch():
        for number, file in enumerate(files, start=1):
            place = (archives if file.is_archive else content) / file.path
            if not place.exists():  # it gets this name only after its checksum was compared
                _download(file, place, progress if len(files) == 1 else silent)
            if len(files) > 1:
                progress("files", number, len(files))
    for file in files:
        if file.is_archive:
            _unpack(file, archives / file.path, content)
    take_place(content, root)
    shutil.rmtree(partial)


def fetch_database(name: str, root: Path) -> None:
    """Get a public database of audEERING's, such as ``emodb==1.4.1`` (without a version the latest).

    Raises:
        MissingExtraError: audb is not installed.
        StorageError: the folder is there already and not empty.
        DownloadError: there is no such database or version, or it cannot be reached.
    """
    try:
        import audb
    except ModuleNotFoundError as error:
        raise MissingExtraError("audb", "audb") from error
    _refuse_there(root)
    database, _, version = name.partition("==")
    try:
        audb.load_to(str(root), database, version=version or None, verbose=False)
    except (RuntimeError, ValueError, ConnectionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DownloadError(
            name, reason, "name a public database and version, such as emodb==1.4.1"
        ) from error


def read_text(url: str) -> str:
    """Return the text at an address.

    Raises:
        DownloadError: it does not answer.
    """
    import requests

    try:
        response = requests.get(url, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise DownloadError(url, f"no answer ({type(error).__name__})", "check the connection") from error
    _refuse_status(url, response)
    return response.text


class ResumingDownloader:
    """What pooch downloads with: a lost connection is taken up again, in this call or the next.

    Whether the file changed meanwhile is not asked: its checksum, or that of the archive's members, tells.

    Args:
        part: where bytes are kept until all are there.
        progress: told the megabytes received.
    """

    def __init__(self, part: Path, progress: Progress = silent) -> None:
        self.part = part
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Download to ``output_file``.

        Raises:
            DownloadError: the server refuses, or the connection was lost several times.
        """
        import requests

        for attempt in range(1, TRIES + 1):
            try:
                self._receive(url)
                break
            except requests.RequestException as error:
                if attempt == TRIES:
                    raise DownloadError(url, f"connection lost ({type(error).__name__})", KEPT) from error
        os.replace(self.part, output_file)

    def _receive(self, url: str) -> None:
        """Append to the part what it lacks; all anew where the server sends no ranges."""
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                if response.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                    return  # nothing is lacking
                self.part.unlink()
                raise requests.ConnectionError("the file is shorter than what was kept of it")
            _refuse_status(url, response)
            resumed = response.status_code == requests.codes.partial_content
            have = have if resumed else 0
            total = have + int(response.headers.get("Content-Length", 0))
            with self.part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    if have // MEGABYTE > (have - len(chunk)) // MEGABYTE:
                        self.progress("MB", have // MEGABYTE, max(have, total) // MEGABYTE)


def _download(file: RemoteFile, place: Path, progress: Progress) -> None:
    import pooch

    place.parent.mkdir(parents=True, exist_ok=True)
    checksum = resolved_checksum(file, read_text)
    downloader = ResumingDownloader(place.with_name(f"{place.name}.part"), progress)
    try:
        pooch.retrieve(file.url, checksum, fname=place.name, path=place.parent, downloader=downloader)
    except ValueError as error:  # pooch's word for another checksum
        raise DownloadError(
            file.url, f"its checksum is not {checksum}, as its publisher says", "download it again"
        ) from error


def _unpack(file: RemoteFile, archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        archive.unlink()
        raise DownloadError(file.url, f"not a whole ZIP archive ({error})", "download it again") from error


def _refuse_there(root: Path) -> None:
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise StorageError(f"{root}: is there already; choose a new or empty folder")
    if root.resolve() == Path.cwd():
        raise StorageError(f"{root}: the folder that you are in is not made anew; name another")


def _refuse_status(url: str, response: Any) -> None:
    if response.status_code >= 400:
        raise DownloadError(
            url, f"the server answers {response.status_code} {response.reason}", "see the page of the corpus"
        )


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from naming every file on stderr."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
