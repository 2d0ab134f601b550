"""Logs as a JSON object a line on stderr: what was asked for and how it ended, never what was sent.

No sound, no name of a file, no address of a client, no query and no path that is not one of the service's own.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType

LOGGER = logging.getLogger("magtfnet.service")
REFUSED_STREAM = "ASGI callable returned without completing handshake"
"""What uvicorn says where a handshake is answered with a problem."""


class JsonLines(logging.Formatter):
    """A JSON object a record; of a library's record its logger alone, since its message may quote a client."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", f"told by {record.name}"),
            **getattr(record, "values", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = where(record.exc_info[1])
        return json.dumps(told, ensure_ascii=True)


def log(event: str, *, level: int = logging.INFO, **values: object) -> None:
    """Write an event with its values."""
    LOGGER.log(level, event, extra={"event": event, "values": values})


def where(error: BaseException) -> str:
    """Return an error's class and the line of code it came from, without its message, which may quote a client."""
    last: TracebackType | None = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" at {last.tb_frame.f_globals.get('__name__')}:{last.tb_lineno}" if last is not None else ""
    return f"{type(error).__name__}{place}"


def is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record is worth a line: that a stream was refused is told by the service itself."""
    return not str(record.msg).startswith(REFUSED_STREAM)


def write_to_stderr() -> None:
    """Send the service's records, and the warnings of every library, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(is_news)
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    LOGGER.setLevel(logging.INFO)
