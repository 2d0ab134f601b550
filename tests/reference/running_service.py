"""A service that listens on this machine, heard by an engine that answers by loudness, or by a real model."""

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


def make_state(engine=None, token=None, recognizer=None, **limits):
    served = Served("loud", recognizer or EmotionRecognizer(engine or LoudnessEngine()), ABOUT)
    return State(Models([served]), Limits(**limits), Token(token) if token else None)


@contextmanager
def serving(engine=None, token=None, recognizer=None, page=False, **limits):
    with Running(make_state(engine, token, recognizer, **limits), page) as running:
        yield running


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
