"""Bundles on the Hugging Face Hub: fetched file by file, checked, and run as they lie; nothing in them executes."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from magtfnet.errors import HubError, MissingExtraError
from magtfnet.recognizer.bundle_files import (
    BUNDLE,
    CARD,
    CHECKSUMS,
    GRAPH,
    WEIGHTS,
    read_description,
    read_files,
)

FILES = (CHECKSUMS, BUNDLE, WEIGHTS, CARD)
KNOWN_LICENCES = {
    **{name: name for name in ("apache-2.0", "mit", "gpl-3.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0")},
    **{name: name for name in ("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0")},
    "odbl-1.0": "odbl",
}
"""The hub's identifiers, by SPDX's in small letters."""


def fetch(repo: str, *, revision: str = "main", token: str | None = None) -> Path:
    """Return the folder of a bundle that lies on the hub; what is in the hub's cache already is not fetched again.

    Args:
        repo: ``owner/name``.
        revision: a branch, tag or commit.
        token: for private repositories; the one that ``hf auth login`` left, where not given.

    Raises:
        HubError: no such repository, revision or file, or the hub cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    with _named_errors(repo):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        def get(name: str, revision: str) -> Path:
            return Path(hf_hub_download(repo, name, revision=revision, token=token))

        folder = get(FILES[0], revision).parent
        # The cache names a folder by its commit: all files are of that one, whatever the branch does meanwhile.
        for name in FILES[1:]:
            get(name, folder.name)
        with suppress(EntryNotFoundError):  # it was never exported
            get(GRAPH, folder.name)
    return folder


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    message: str = "Upload a magtfnet bundle",
    token: str | None = None,
) -> str:
    """Write a bundle to a repository on the hub, made where it is not there, as one commit; return its address.

    The model card is written a second time as ``README.md``, which the hub shows.

    Raises:
        BundleError: the folder is not a whole bundle.
        HubError: the hub refuses it, or cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    files = read_files(folder)
    licence = str(read_description(folder, files[BUNDLE])["provenance"].get("licence", "other"))
    facts = (
        *_licence(licence),
        "pipeline_tag: audio-classification",
        "tags: [speech-emotion-recognition]",
    )
    heading = "\n".join(("---", *facts, "---", "", ""))
    with _named_errors(repo), tempfile.TemporaryDirectory() as made:
        from huggingface_hub import HfApi

        for name in (*files, CHECKSUMS):
            shutil.copyfile(folder / name, Path(made) / name)
        (Path(made) / "README.md").write_bytes(heading.encode() + files[CARD])
        api = HfApi(token=token)
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repo, folder_path=made, commit_message=message).commit_url)


def _licence(licence: str) -> list[str]:
    """Return a licence as the metadata of a card has it: an identifier that the hub knows, or other and a name."""
    word = licence.lower()
    if word in KNOWN_LICENCES:
        return [f"license: {KNOWN_LICENCES[word]}"]
    name = re.sub(r"[^a-z0-9.]+", "-", word).strip("-.")
    return ["license: other", *([f'license_name: "{name}"'] if name and name != "other" else [])]


@contextmanager
def _named_errors(repo: str) -> Iterator[None]:
    """Turn the hub's errors into one line each."""
    try:
        from huggingface_hub import errors
    except ModuleNotFoundError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    try:
        yield
    except errors.HFValidationError as error:
        raise HubError(f"'{repo}' is no name of a repository; give owner/name") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"{repo}: no such repository, or a private one; check the name, or give a token"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{repo}: no such revision; name a branch, tag or commit that is there") from error
    except errors.RemoteEntryNotFoundError as error:
        raise HubError(f"{repo}: not a bundle, one of {', '.join(FILES)} is missing; name another") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        raise HubError(
            f"{repo}: the hub refused (status {status}); check the token and its rights"
        ) from error
    except (errors.LocalEntryNotFoundError, OSError) as error:
        raise HubError(f"{repo}: the hub cannot be reached; check the network, or try again later") from error
    except ValueError as error:  # of a card
        raise HubError(f"{repo}: the hub refuses it ({' '.join(str(error).split())}); correct it") from error
