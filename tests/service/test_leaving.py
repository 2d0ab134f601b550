"""Clients that go, and clients that only take their time: neither keeps a place that another could have."""

import logging
import socket
import threading
import time

import pytest
from running_service import problem_of, serving, until
from scripted_engine import LoudnessEngine

from magtfnet.service.leaving import LeftError, Waited


class Waiting(LoudnessEngine):
    """Hears each window only when it may; counts those that it began."""

    def __init__(self):
        super().__init__()
        self.begun, self.may = threading.Semaphore(0), threading.Event()
        self.windows = 0

    def probabilities(self, waveforms):
        self.windows += 1
        self.begun.release()
        assert self.may.wait(20)
        return super().probabilities(waveforms)


def send(service, address, body):
    raw = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    head = f"POST {address} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n"
    raw.sendall(head.encode() + body)
    return raw


def test_who_goes_while_waiting_is_not_heard_and_who_is_heard_stops(wav, talk_path, caplog):
    """One thread: the first is at its first window, the second waits; both go. One window was begun, no other."""
    engine = Waiting()
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving(engine, workers=1) as service:
        work = service.state.work
        first = send(service, "/v1/timeline?window=1&hop=0.5", talk_path.read_bytes())
        assert engine.begun.acquire(timeout=20)
        second = send(service, "/v1/predict", wav())
        until(lambda: work.requests == 2)
        second.close()
        until(lambda: work.requests == 1)
        first.close()
        time.sleep(0.05)
        assert work.requests == 1, "its thread is still at work, so its place is taken"
        engine.may.set()
        until(lambda: (work.requests, work.hearing, work.pending_bytes) == (0, 0, 0))
        assert service.client.post("/v1/predict", content=wav()).status_code == 200
    told = [record.values for record in caplog.records if record.getMessage() == "request"]
    assert [line["status"] for line in told] == [499, 499, 200]
    assert "problem" not in told[0]


def test_a_timeline_ends_at_its_next_block_where_nobody_waits(wav):
    waited = Waited()
    waited("seconds", 0, 1)
    waited.leave()
    with pytest.raises(LeftError):
        waited("seconds", 0, 1)
    from magtfnet import EmotionRecognizer
    from magtfnet.service import hearing
    from magtfnet.service.limits import Limits

    recognizer = EmotionRecognizer(LoudnessEngine())
    blocks = []

    def go(what, done, total):
        blocks.append(done)
        if len(blocks) == 2:
            raise LeftError

    with pytest.raises(LeftError):
        hearing.timeline(recognizer, wav(50.0), Limits(), waited=go)
    assert blocks == [10, 20]


def test_channels_that_are_heard_apart_share_the_limit(wav):
    with serving(timeline_seconds=2) as service:
        two = wav(1.5, channels=2)
        assert service.client.post("/v1/timeline", content=two).status_code == 200
        answer = service.client.post("/v1/timeline?by_channel=true", content=two)
        problem_of(answer, "duration", "1.5 s of audio, at most 1 s are taken")


def test_who_sends_slowly_takes_no_place(wav):
    with serving(requests=1) as service:
        slow = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc")
        until(lambda: service.state.work.bodies == 1)
        assert service.state.work.busy, "stopping waits for it"
        assert service.client.post("/v1/predict", content=wav()).status_code == 200
        slow.close()
        until(lambda: not service.state.work.busy)


def test_who_goes_while_sending_is_no_mistake_of_ours(caplog):
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving() as service:
        for head in ("/v1/predict", "/v1/timeline"):
            raw = socket.create_connection(("127.0.0.1", service.port), timeout=20)
            raw.sendall(f"POST {head} HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc".encode())
            until(lambda: service.state.work.bodies == 1)
            raw.close()
            until(lambda: service.state.work.bodies == 0)
        metrics = service.client.get("/metrics").text
    assert [(r.levelname, r.event, r.values["status"]) for r in caplog.records if "status" in r.values][
        :2
    ] == [("INFO", "request", 499)] * 2
    assert "mistake" not in caplog.text
    assert "internal" not in metrics
