"""The token that a client must show: ``Authorization: Bearer TOKEN``, or, for browsers, HTTP Basic with it as password.

A browser cannot be told to send a bearer token with a page, but asks for a password by itself; so one secret keeps
the interface and the page.
"""

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path

from magtfnet.errors import ServiceError

SHORTEST = 16
"""Characters of a token: fewer can be guessed."""


class Token:
    """A secret, kept as its digest.

    Args:
        secret: what clients must show.

    Raises:
        ServiceError: too short, or of characters that a header cannot carry.
    """

    def __init__(self, secret: str) -> None:
        if len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ServiceError(
                f"a token of {len(secret)} characters, expected at least {SHORTEST} printable ones of ASCII without "
                "spaces; make one with 'openssl rand -hex 32'"
            )
        self._digest = _digest(secret.encode())

    @classmethod
    def read(cls, path: Path) -> "Token":
        """Return the token in a file's first line.

        Raises:
            ServiceError: the file cannot be read, or holds no fit token.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise ServiceError(f"{path}: {reason}; name a file that holds the token") from error
        return cls(lines[0].strip() if lines else "")

    @classmethod
    def find(cls, path: Path | None) -> "Token | None":
        """Return the token in a file, else the one in ``$MAGTFNET_TOKEN``, if any; see ``read``."""
        if path is not None:
            return cls.read(path)
        named = os.environ.get("MAGTFNET_TOKEN")
        return cls(named) if named is not None else None

    def admits(self, authorization: str | None) -> bool:
        """Tell whether a header ``Authorization`` shows it, in a time that does not depend on what it holds."""
        shown = _shown(authorization or "")
        return hmac.compare_digest(_digest(shown), self._digest)


def _shown(authorization: str) -> bytes:
    """Return the secret in a header, nothing where there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _digest(secret: bytes) -> bytes:
    """Return a digest: all are of one length, so that comparing tells nothing of the secret's."""
    return hashlib.sha256(secret).digest()
