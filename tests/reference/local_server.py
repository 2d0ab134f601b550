"""A server of bytes on this machine, which can break off."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LocalServer:
    """A server of bytes on this machine, which can break off and knows ranges.

    Args:
        files: bytes by path.
        breaks_after: after how many bytes each of the next answers breaks off.
        knows_ranges: whether it answers with parts.
        asked: the paths asked for, in their order.
        ranges: the ranges asked for, None where the whole was.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.breaks_after: list[int] = []
        self.knows_ranges = True
        self.asked: list[str] = []
        self.ranges: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def __enter__(self) -> "LocalServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        local = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                local.asked.append(self.path)
                if self.path not in local.files:
                    self.send_error(404)
                    return
                data, asked = local.files[self.path], self.headers.get("Range")
                local.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and local.knows_ranges else 0
                if start and start >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(data)}")
                    self.end_headers()
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                stop = start + local.breaks_after.pop(0) if local.breaks_after else len(data)
                self.wfile.write(data[start:stop])

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler
