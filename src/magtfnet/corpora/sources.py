"""Where a corpus can be downloaded from: archives, a Dataverse's data set, a folder in a repository's large files.

A source turns into a list of files; where their publisher gives checksums, these come with them. None is
invented: an archive without one is held to the audit of what it unpacks to.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from magtfnet.errors import DownloadError

ReadText = Callable[[str], str]
"""Return the text at an address."""


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Args:
        url: its address.
        path: where it goes below the root of the copy, with ``/``.
        checksum: what its publisher says of it, such as ``md5:...``; None where nothing is said.
        is_archive: whether it is to be unpacked there.
    """

    url: str
    path: str
    checksum: str | None = None
    is_archive: bool = False


@dataclass(frozen=True)
class Archive:
    """A ZIP archive."""

    url: str
    checksum: str | None = None

    def files(self, read_text: ReadText) -> list[RemoteFile]:
        """Return the one file."""
        return [RemoteFile(self.url, PurePosixPath(self.url).name, self.checksum, is_archive=True)]


@dataclass(frozen=True)
class Dataverse:
    """A published data set of a Dataverse, whose files have MD5 sums.

    Args:
        server: such as ``https://borealisdata.ca``.
        identifier: such as ``doi:10.5683/SP2/E8H2MF``.
        pattern: the names of the files that are wanted.
    """

    server: str
    identifier: str
    pattern: str

    def files(self, read_text: ReadText) -> list[RemoteFile]:
        """Return the files that the data set lists.

        Raises:
            DownloadError: the list is not what a Dataverse answers.
        """
        url = f"{self.server}/api/datasets/:persistentId/?persistentId={self.identifier}"
        try:
            listed = [
                entry["dataFile"] for entry in json.loads(read_text(url))["data"]["latestVersion"]["files"]
            ]
            files = [
                RemoteFile(
                    f"{self.server}/api/access/datafile/{item['id']}",
                    PurePosixPath(item["filename"]).name,
                    f"md5:{item['md5']}",
                )
                for item in listed
                if re.fullmatch(self.pattern, item["filename"])
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise DownloadError(url, f"not a Dataverse's list of files ({error!r})") from error
        return files


@dataclass(frozen=True)
class LargeFiles:
    """A folder of a Git repository whose files are kept as large files (Git LFS), which have SHA-256 sums.

    Args:
        pointers: address of the repository's own content, where a large file is a pointer with its sum.
        content: address of the large files themselves.
        folder: the folder, the same at both.
        listing: a file of the repository that names them.
        pattern: a name without its suffix in that file.
        respelt: names that the folder spells otherwise than that file, by the file's spelling.
        suffix: of the files.
    """

    pointers: str
    content: str
    folder: str
    listing: str
    pattern: str
    suffix: str = ".wav"
    respelt: Mapping[str, str] = field(default_factory=dict)

    def files(self, read_text: ReadText) -> list[RemoteFile]:
        """Return the files that the listing names; their sums are read file by file, when each is due."""
        names = sorted(set(re.findall(self.pattern, read_text(f"{self.pointers}/{self.listing}"))))
        paths = [f"{self.folder}/{self.respelt.get(name, name)}{self.suffix}" for name in names]
        return [
            RemoteFile(f"{self.content}/{path}", path, f"pointer:{self.pointers}/{path}") for path in paths
        ]


Source = Archive | Dataverse | LargeFiles
"""What ``CorpusInfo.downloads`` holds."""


def resolved_checksum(file: RemoteFile, read_text: ReadText) -> str | None:
    """Return the checksum of a file, read from its pointer where it stands in one.

    Raises:
        DownloadError: the pointer holds none.
    """
    if file.checksum is None or not file.checksum.startswith("pointer:"):
        return file.checksum
    url = file.checksum.removeprefix("pointer:")
    found = re.search(r"oid sha256:([0-9a-f]{64})", read_text(url))
    if found is None:
        raise DownloadError(url, "no pointer to a large file with its SHA-256 sum")
    return f"sha256:{found[1]}"
