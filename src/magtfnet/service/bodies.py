"""The recording in a request: the body itself, or the one file of a form. Never on a disk, whatever its size.

The guard counts and times what arrives; here it is put together in memory.
"""

import sys

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from magtfnet.service.problems import ProblemError


class InMemory(MultiPartParser):
    """Starlette's parser of forms, which moves no file to a disk."""

    spool_max_size = sys.maxsize


async def read_recording(request: Request) -> bytes:
    """Return the bytes of the recording.

    Raises:
        ProblemError: no bytes, or a form that does not hold one file; what the guard refuses too.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        return await _file_of_form(request)
    body = bytearray()
    async for piece in request.stream():
        body += piece
    if not body:
        raise ProblemError("empty-audio", "recording: a body of 0 bytes; send the bytes of a file")
    return bytes(body)


async def _file_of_form(request: Request) -> bytes:
    try:
        form = await InMemory(request.headers, request.stream(), max_files=1, max_fields=0).parse()
    except (MultiPartException, UnicodeError) as error:  # the latter of a charset that cannot be read by
        raise ProblemError(
            "malformed-body",
            f"a form that cannot be taken apart ({getattr(error, 'message', error)}); send one file, called 'file'",
        ) from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ProblemError(
                "malformed-body", "a form without a file called 'file'; send one, as curl -F file=@call.wav"
            )
        data = await file.read()
    finally:
        await form.close()
    if not data:
        raise ProblemError("empty-audio", "recording: a file of 0 bytes; send a recording")
    return data
