"""Who and what is let in: the service's own names, its own origin, and the addresses there are."""

import json
import socket

import pytest
from running_service import problem_of, serving
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from magtfnet.service.admission import names


@pytest.mark.parametrize(
    ("host", "allowed", "known"),
    [
        ("127.0.0.1", [], {"127.0.0.1", "localhost", "[::1]"}),
        ("::1", ["Speech.Example.org"], {"127.0.0.1", "localhost", "[::1]", "speech.example.org"}),
        ("127.0.0.2", [], {"127.0.0.1", "localhost", "[::1]", "127.0.0.2"}),
        ("0.0.0.0", [], None),
        ("10.0.0.1", ["a"], {"10.0.0.1", "a"}),
    ],
)
def test_the_names_of_a_service(host, allowed, known):
    assert names(host, allowed) == known


def test_only_its_own_names_are_answered(wav):
    with serving(names=names("127.0.0.1", ["proxy.example"])) as service:
        for host in ("evil.example", "127.0.0.1.evil.example:80", "", "[::2]"):
            for address in ("/metrics", "/v1/models", "/"):
                answer = service.client.get(address, headers={"Host": host})
                problem_of(answer, "forbidden", "a Host that is not this service's; ask by its own name")
        for host in ("localhost", f"LOCALHOST:{service.port}", "[::1]:8000", "proxy.example"):
            assert service.client.get("/v1/models", headers={"Host": host}).status_code == 200


def test_who_asks_whether_it_lives_asks_by_any_name():
    """Orchestrators ask by an address, old load balancers without a name."""
    with serving(names=names("0.0.0.0", ["speech.example.org"])) as service:
        for address in ("/healthz", "/readyz"):
            assert service.client.get(address, headers={"Host": "10.0.0.7:8000"}).status_code == 200
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as raw:
                raw.send(f"GET {address} HTTP/1.0\r\n\r\n".encode())
                assert raw.recv(100).startswith(b"HTTP/1.1 200")


def test_other_origins_are_refused_and_its_own_is_not(wav):
    with serving() as service:
        post = service.client.post
        for origin in (
            "http://evil.example",
            "null",
            "http://[",
            "http://127.0.0.1:1",
            f"http://127.0.0.1:{service.port}.evil",
        ):
            answer = post("/v1/predict", content=wav(), headers={"Origin": origin})
            problem_of(answer, "forbidden", "an Origin that is not this service's")
        assert post("/v1/predict", content=wav(), headers={"Origin": service.url}).status_code == 200


def test_streams_of_other_origins_are_refused():
    with serving() as service:
        address = f"ws://127.0.0.1:{service.port}/v1/stream?rate=16000"
        with (
            pytest.raises(InvalidStatus) as refusal,
            connect(address, origin="http://evil.example", proxy=None),
        ):
            pass
        assert refusal.value.response.status_code == 403
        assert json.loads(refusal.value.response.body)["type"] == "urn:magtfnet:problem:forbidden"
        with connect(address, origin=service.url, proxy=None) as socket:
            assert json.loads(socket.recv())["type"] == "ready"
