"""A service that listens on this machine, heard by an engine that answers by loudness, or by a real model."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

import httpx
from scripted_engine import LoudnessEngine

from magtfnet import EmotionRecognizer
from magtfnet.service.app import create_app
from magtfnet.service.limits import Limits
from magtfnet.service.models import Models, Served
from magtfnet.service.server import listen, make_server
from magtfnet.service.state import State
from magtfnet.service.tokens import Token

RATE = 16_000
ABOUT = {
    "classes": ["anger", "neutral", "sadness"],
    "licence": "none",
    "corpus": "none",
    "scores": [],
    "unsure_below": 0.0,
    "bytes": 0,
    "sha256": "0" * 64,
    "exported": True,
}


class Running:
    """A service in a thread, and a client of it."""

    def __init__(self, state, page=False):
        self.state = state
        self.socket = listen("127.0.0.1", 0)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = make_server(create_app(state, page=page), state)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.stop()

    def stop(self):
        self.server.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def make_state(engine=None, token=None, recognizer=None, names=None, **limits):
    served = Served("loud", recognizer or EmotionRecognizer(engine or LoudnessEngine()), ABOUT)
    return State(Models([served]), Limits(**limits), Token(token) if token else None, names)


def until(condition):
    """Wait until something is so."""
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not become so")


@contextmanager
def serving(engine=None, token=None, recognizer=None, names=None, page=False, **limits):
    with Running(make_state(engine, token, recognizer, names, **limits), page) as running:
        yield running


COMMAND = "import sys\nsys.argv[0] = 'magtfnet'\nfrom magtfnet.cli import main\nmain()"


class Process:
    """The command ``serve`` in a process of its own, by a model at ``path``; ``guard`` is code that it runs first."""

    def __init__(self, path, *arguments, guard="", **environment):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # a pipe that nobody reads would fill and stop it
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                guard + COMMAND,
                "serve",
                "--port",
                "0",
                "--model",
                f"tiny={path}",
                *arguments,
            ],
            stdout=self.log,
            stderr=self.log,
            env={key: value for key, value in os.environ.items() if key != "MAGTFNET_TOKEN"} | environment,
        )
        while not (listening := [line for line in self.lines() if '"listening"' in line]):
            if self.process.poll() is not None:
                raise AssertionError("\n".join(self.lines()))
            time.sleep(0.05)
        self.url = json.loads(listening[0])["address"].rstrip("/")
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.process.kill()
        self.process.wait()
        self.log.close()

    def lines(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def measured(self, name):
        """Return a number that the service tells Prometheus."""
        (line,) = [
            line for line in self.client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")
        ]
        return float(line.split()[1])

    def stop(self, sent=signal.SIGTERM):
        """Send a signal; return the exit code and the log."""
        self.process.send_signal(sent)
        self.process.wait(30)
        return self.process.returncode, [json.loads(line) for line in self.lines()]


def problem_of(response, kind, *words):
    """Hold an answer to a kind of problem, and return it."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    told = response.json()
    assert told["type"] == f"urn:magtfnet:problem:{kind}", told
    assert told["status"] == response.status_code
    assert "\n" not in told["detail"]
    assert told["request_id"] == response.headers["x-request-id"]
    for word in words:
        assert word in told["detail"], told
    return told
