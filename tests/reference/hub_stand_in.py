"""A stand-in of the Hugging Face Hub's HTTP interface: what fetching and pushing a bundle asks of it, in memory."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories as files by name; ``asked`` lists every request."""

    def __init__(self):
        self.repositories = {}
        self.asked = []
        self.refuse = False


@contextmanager
def running_hub():
    """Give a hub and its address on this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self._resolve()

        def do_GET(self):
            if self.path.startswith("/api/models/"):
                parts = self.path.removeprefix("/api/models/").split("?")[0].split("/")
                repo = "/".join(parts[:2])
                self._json({"id": repo, "sha": COMMIT, "private": False, "siblings": []})
            elif self.path.startswith("/api/"):
                self._json({"error": "unknown"}, 404)
            else:
                self._resolve()

        def do_POST(self):
            hub.asked.append(f"POST {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if hub.refuse:
                self._json({"error": "Forbidden"}, 403)
            elif self.path == "/api/repos/create":
                values = json.loads(body)
                name = f"{values.get('organization') or 'me'}/{values['name']}"
                hub.repositories.setdefault(name, {})
                self._json({"url": f"http://{self.headers['Host']}/{name}", "name": name, "id": name})
            elif self.path == "/api/validate-yaml":  # of README.md's heading
                self._json({"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                self._json({"files": files})
            elif "/commit/" in self.path:
                repo = "/".join(self.path.removeprefix("/api/models/").split("/")[:2])
                for line in body.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        content = base64.b64decode(entry["value"]["content"])
                        hub.repositories[repo][entry["value"]["path"]] = content
                url = f"http://{self.headers['Host']}/{repo}/commit/{COMMIT}"
                self._json({"commitUrl": url, "commitOid": COMMIT})
            else:
                self._json({"error": "unknown"}, 404)

        def _resolve(self):
            hub.asked.append(f"{self.command} {self.path}")
            owner, name, _, revision, file = self.path.lstrip("/").split("/", 4)
            repository = hub.repositories.get(f"{owner}/{name}")
            if repository is None:
                self._refuse("RepoNotFound", 401)
            elif revision not in ("main", COMMIT):
                self._refuse("RevisionNotFound", 404)
            elif file not in repository:
                self._refuse("EntryNotFound", 404)
            else:
                data = repository[file]
                self.send_response(200)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

        def _refuse(self, code, status):
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _json(self, values, status=200):
            data = json.dumps(values).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
