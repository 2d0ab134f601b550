"""The interface over WebSocket: the stream's own events; what cannot be used is told, and the stream goes on."""

import itertools
import json
import logging
import threading
from socket import SHUT_RDWR

import numpy as np
import pytest
from running_service import RATE, serving
from scripted_engine import LoudnessEngine
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from magtfnet import EmotionRecognizer, StreamingRecognizer
from magtfnet.service.stream import told

SECRET = "0123456789abcdef0123"


def open_stream(service, query="rate=16000", **options):
    return connect(f"ws://127.0.0.1:{service.port}/v1/stream?{query}", proxy=None, **options)


def events_of(socket):
    """Return everything until the service closes, and the code it closed with."""
    events = []
    try:
        while True:
            events.append(json.loads(socket.recv(timeout=20)))
    except ConnectionClosed as closed:
        return events, closed.rcvd.code, closed.rcvd.reason


def send_on(socket, messages):
    """Send them again and again."""
    for message in itertools.cycle(messages):
        socket.send(message)
        threading.Event().wait(0.02)


def refused(service, query, **options):
    with pytest.raises(InvalidStatus) as refusal, open_stream(service, query, **options):
        pass
    response = refusal.value.response
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, json.loads(response.body), response.headers


def known(samples, rate=RATE):
    stream = StreamingRecognizer(EmotionRecognizer(LoudnessEngine()), sample_rate=rate)
    events = stream.push(samples) + stream.finish()
    return [told(event, stream.classes) for event in events]


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_events_say_whether_they_are_sure(talk, least):
    recognizer = EmotionRecognizer(LoudnessEngine(), unsure_below=least)
    stream = StreamingRecognizer(recognizer, sample_rate=RATE)
    events = [told(event, stream.classes) for event in stream.push(talk) + stream.finish()]
    assert {event["type"] for event in events} == {"window", "segment"}
    assert {event["sure"] for event in events} == {least == 0}


@pytest.mark.parametrize(
    ("encoding", "channels", "piece"), [("pcm16", 1, 1_600), ("float32", 1, 7_777), ("pcm16", 2, 4_000)]
)
def test_events_are_the_streams(service, talk, encoding, channels, piece):
    whole = (talk * 32_767).astype("<i2")
    samples = whole if encoding == "pcm16" else (whole / 32_768).astype("<f4")
    query = f"rate={RATE}&encoding={encoding}&channels={channels}"
    with open_stream(service, query, additional_headers={"X-Request-ID": "stream-1"}) as socket:
        assert socket.response.headers["x-request-id"] == "stream-1"
        for first in range(0, len(samples), piece):
            socket.send(np.repeat(samples[first : first + piece], channels).tobytes())
        socket.send("finish")
        events, code, _ = events_of(socket)
    assert code == 1000
    assert events[0] == {"type": "ready", "classes": ["anger", "neutral", "sadness"]}
    assert events[1:-1] == known(whole)
    assert {event["type"] for event in events[1:-1]} == {"window", "segment"}
    assert events[-1] == {"type": "end", "seconds": round(len(talk) / RATE, 4), "reason": ""}


def test_a_piece_that_cannot_be_used_is_told_and_the_stream_goes_on(service, talk):
    nan = np.full(100, np.nan, "<f4").tobytes()
    with open_stream(service, "rate=16000&encoding=float32") as socket:
        half = len(talk) // 2
        socket.send(talk[:half].tobytes())
        for bad in (nan, b"abc", "hello"):
            socket.send(bad)
        socket.send(b"")
        socket.send(talk[half:].tobytes())
        socket.send("finish")
        events, code, _ = events_of(socket)
    assert code == 1000
    problems = [event for event in events if event["type"] == "problem"]
    assert [problem["kind"] for problem in problems] == ["invalid-samples", "message", "message"]
    assert {event["type"] for event in events} == {"ready", "window", "segment", "problem", "end"}
    assert [problem["title"] for problem in problems] == [
        "Samples that are not finite.",
        *["A message of a stream that cannot be used."] * 2,
    ]
    assert "3 bytes, which are no whole samples of 1 x 4 bytes; send whole ones" in problems[1]["detail"]
    assert "send samples as bytes, or the text 'finish'" in problems[2]["detail"]
    assert [event for event in events if event["type"] in ("window", "segment")] == known(talk)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 422, "rate = "),
        ("rate=x", 422, "rate = 'x': input should be a valid integer"),
        ("rate=10", 422, "greater than or equal to 1000"),
        ("rate=400000", 422, "400000 Hz, at most 192000 Hz are taken"),
        ("rate=16000&channels=9", 422, "9 channels, at most 8"),
        ("rate=16000&encoding=mp3", 422, "input should be 'pcm16' or 'float32'"),
        ("rate=16000&window=9&hop=0.5", 422, "at most 10 windows"),
        ("rate=16000&volume=3", 422, "unknown configuration key 'volume'"),
        ("rate=16000&model=../x", 404, "expected one of loud"),
    ],
)
def test_streams_that_cannot_begin_are_refused_before_they_do(service, query, status, words):
    code, problem, headers = refused(service, query)
    assert code == status
    assert words in problem["detail"]
    assert headers["x-request-id"] == problem["request_id"]
    assert service.state.work.streams == 0


def test_where_no_stream_is_that_is_said(service):
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{service.port}/v1/nothing", proxy=None)
    response = refusal.value.response
    assert response.status_code == 404
    assert json.loads(response.body)["type"] == "urn:magtfnet:problem:not-found"
    assert response.headers["x-request-id"]


def test_nothing_is_unpacked(service):
    with open_stream(service, compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


def test_a_token_is_wanted():
    with serving(token=SECRET) as service:
        status, problem, headers = refused(service, "rate=16000")
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert headers["x-request-id"] == problem["request_id"]
        assert problem["type"] == "urn:magtfnet:problem:unauthorized"
        shown = {"Authorization": f"Bearer {SECRET}"}
        with open_stream(service, additional_headers=shown) as socket:
            assert json.loads(socket.recv())["type"] == "ready"


def test_more_streams_than_the_limit_are_told_when_to_come_again():
    with serving(streams=1) as service:
        with open_stream(service) as socket:
            socket.recv()
            status, problem, headers = refused(service, "rate=16000")
            assert (status, headers["retry-after"]) == (503, "1")
            assert "1 streams are open, at most 1 are taken" in problem["detail"]
            socket.send("finish")
            events_of(socket)
        with open_stream(service) as socket:
            assert json.loads(socket.recv())["type"] == "ready"


def test_idle_streams_are_closed():
    with serving(idle_seconds=0.2) as service, open_stream(service) as socket:
        events, code, reason = events_of(socket)
    assert (code, reason) == (1008, "no samples for 0.2 s")
    assert events[-1]["type"] == "end"


def test_a_stream_is_not_kept_open_by_messages_without_samples():
    with serving(idle_seconds=0.3) as service, open_stream(service) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            send_on(socket, (b"", "hello"))
        assert closed.value.rcvd.reason == "no samples for 0.3 s"


def test_a_stream_ends_by_the_clock_too():
    with serving(stream_seconds=0.3) as service, open_stream(service) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            send_on(socket, (bytes(32),))
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason == "open for more than 0.3 s"


def test_a_long_message_is_heard_in_pieces_of_a_second(talk, monkeypatch):
    """One of eight minutes is not one job; and where a sample of it is not finite none of it is heard."""
    pushed = []
    push = StreamingRecognizer.push
    monkeypatch.setattr(StreamingRecognizer, "push", lambda *a: pushed.append(len(a[1])) or push(*a))
    with serving() as service, open_stream(service, "rate=1000&encoding=float32") as socket:
        socket.send(np.zeros(100_500, "<f4").tobytes())
        socket.send(np.array([0.0] * 5_000 + [np.nan], "<f4").tobytes())
        socket.send("finish")
        events, code, _ = events_of(socket)
    assert code == 1000
    assert pushed == [1_000] * 100 + [500]
    assert [event["type"] for event in events] == ["ready", "problem", "end"]
    assert events[-1]["seconds"] == 100.5


def test_a_stream_ends_at_its_limit_and_tells_what_was_open(talk):
    with serving(stream_seconds=2) as service, open_stream(service, "rate=16000&encoding=float32") as socket:
        for first in range(0, 3 * RATE, RATE // 2):
            socket.send(talk[first : first + RATE // 2].tobytes())
        events, code, reason = events_of(socket)
    assert (code, reason) == (1008, "more than 2 s of sound")
    assert events[-1]["seconds"] == 2.5
    assert [event for event in events if event["type"] == "segment"]


def test_a_message_beyond_the_limit_closes_the_stream():
    with serving(message_kib=1) as service, open_stream(service) as socket:
        socket.send(bytes(2000))
        _, code, _ = events_of(socket)
        assert code == 1009


def test_who_goes_leaves_nothing_behind(service, talk):
    for _ in range(3):
        with open_stream(service, "rate=16000&encoding=float32") as socket:
            socket.send(talk[:RATE].tobytes())
            socket.socket.shutdown(SHUT_RDWR)
    for _ in range(500):
        if not service.state.work.streams:
            break
        threading.Event().wait(0.01)
    assert service.state.work.streams == 0


def test_a_mistake_of_ours_ends_one_stream(talk, caplog):
    class Broken(LoudnessEngine):
        def probabilities(self, waveforms):
            raise RuntimeError("broken")

    with serving(Broken()) as service, open_stream(service, "rate=16000&encoding=float32") as socket:
        socket.send(talk.tobytes())
        socket.send("finish")
        _, code, reason = events_of(socket)
        assert (code, reason) == (1011, "a mistake of the service")
        assert service.client.get("/healthz").status_code == 200
        assert 'magtfnet_problems_total{kind="internal"} 1.0' in service.client.get("/metrics").text
    (mistake,) = [record for record in caplog.records if record.event == "mistake"]
    assert mistake.levelno == logging.ERROR


def test_the_service_being_stopped_tells_what_was_open_and_says_why(talk):
    with serving() as service, open_stream(service, "rate=16000&encoding=float32") as socket:
        socket.send(talk[: 2 * RATE].tobytes())
        while json.loads(socket.recv(timeout=20))["type"] != "window":
            pass
        service.server.stop()
        events, code, reason = events_of(socket)
    assert (code, reason) == (1001, "the service is being stopped")
    assert events[-1] == {"type": "end", "seconds": 2.0, "reason": "the service is being stopped"}
    assert [event for event in events if event["type"] == "segment"] == [
        event for event in known(talk[: 2 * RATE]) if event["type"] == "segment"
    ]


def test_a_client_that_sends_on_is_told_too_that_the_service_is_being_stopped(talk):
    long = np.concatenate([talk] * 4)
    with serving() as service, open_stream(service, "rate=16000&encoding=float32") as socket:
        for first in range(0, len(long), 800):
            socket.send(long[first : first + 800].tobytes())
        while json.loads(socket.recv(timeout=20))["type"] != "window":
            pass
        service.server.stop()
        events, code, reason = events_of(socket)
    assert (code, reason) == (1001, "the service is being stopped")
    assert events[-1]["type"] == "end"
    assert events[-1]["seconds"] < len(long) / RATE


def test_eight_streams_at_once_lose_nothing(service, talk):
    got = {}

    def run(number):
        with open_stream(service, "rate=16000&encoding=float32") as socket:
            for first in range(0, len(talk), 3_000):
                socket.send(talk[first : first + 3_000].tobytes())
            socket.send("finish")
            got[number] = events_of(socket)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = known(talk)
    assert [got[number][0][1:-1] for number in range(8)] == [expected] * 8
