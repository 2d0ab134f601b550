"""Bodies that lie, that are too large, that do not come or do not end: each is refused in time, and costs little."""

import io
import json
import logging
import socket
import struct
import time

import numpy as np
import pytest
import soundfile
from running_service import problem_of, serving, until

from magtfnet.audio import io as audio_io
from magtfnet.audio.blocks import OpenRecording
from magtfnet.service.limits import MEBIBYTE

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\n"


class Raw:
    """A connection that sends what it likes."""

    def __init__(self, service):
        self.socket = socket.create_connection(("127.0.0.1", service.port), timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Return everything until the service closes."""
        data = b""
        try:
            while piece := self.socket.recv(65_536):
                data += piece
        except ConnectionResetError:
            pass
        return data.decode()


def settled(service):
    """Return whether all that was counted as under way is counted as gone again."""
    for _ in range(200):
        work = service.state.work
        if (work.requests, work.streams, work.pending_bytes) == (0, 0, 0):
            return True
        time.sleep(0.01)
    return False


def test_four_gigabytes_declared_are_refused_before_a_byte_is_read():
    with serving() as service, Raw(service) as raw:
        raw.send(HEAD + b"Content-Length: 4294967296\r\n\r\n")
        answer = raw.answer()
        assert answer.startswith("HTTP/1.1 413")
        assert "a body of 4096.0 MiB, at most 32 MiB are taken" in answer
        assert "connection: close" in answer.lower()
        assert settled(service)


def test_who_sends_on_all_the_same_reads_the_answer():
    """What still comes is read and thrown away for a moment, so that the answer is not lost in a reset."""
    with serving(body_mib=0.01) as service:
        problem_of(
            service.client.post("/v1/predict", content=bytes(300_000)),
            "too-large",
            "0.3 MiB, at most 0.01 MiB",
        )
        assert service.client.get("/healthz").status_code == 200
        assert settled(service)


def test_endless_chunks_are_cut_at_the_limit(caplog):
    """Nothing says where they end; no more than the limit is ever kept."""
    with (
        caplog.at_level(logging.INFO, "magtfnet.service"),
        serving(body_mib=1) as service,
        Raw(service) as raw,
    ):
        raw.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            raw.send(b"10000\r\n" + bytes(65_536) + b"\r\n")
        answer = raw.answer()
        assert answer.startswith("HTTP/1.1 413")
        assert "a body of more than 1 MiB" in answer
        assert settled(service)
    (told,) = [record.values for record in caplog.records if record.getMessage() == "request"]
    assert told["bytes"] <= MEBIBYTE
    assert told["problem"] == "too-large"


def test_an_endless_form_is_cut_at_the_limit(tmp_path, monkeypatch):
    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../x"\r\n\r\n'
        for _ in range(100):
            yield bytes(65_536)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with serving(body_mib=1) as service:
        problem_of(
            service.client.post("/v1/predict", content=endless(), headers=headers),
            "too-large",
            "more than 1 MiB",
        )


def test_a_form_stays_in_memory(wav, monkeypatch):
    """Nothing of an upload is written: no temporary file is made while one of 3 MB is taken."""
    import tempfile

    def refuse(*arguments, **options):
        raise AssertionError("a temporary file")

    data = wav(100.0)
    assert len(data) > 3_000_000
    with serving() as service:
        for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "mkdtemp"):
            monkeypatch.setattr(tempfile, name, refuse)
        assert service.client.post("/v1/predict", files={"file": data}).status_code == 200


def test_slow_senders_are_told_so():
    with serving(silent_seconds=0.2) as service, Raw(service) as raw:
        raw.send(HEAD + b"Content-Length: 100\r\n\r\nabc")
        answer = raw.answer()
        assert answer.startswith("HTTP/1.1 408")
        assert "nothing for 0.2 s; send it faster" in answer
        assert settled(service)


def test_who_drips_is_told_so_too():
    with serving(silent_seconds=5, body_seconds=0.5) as service, Raw(service) as raw:
        raw.send(HEAD + b"Content-Length: 100\r\n\r\n")
        start = time.monotonic()
        raw.socket.settimeout(0.05)
        answer = b""
        while b"408" not in answer and time.monotonic() - start < 10:
            try:
                raw.send(b"a")
                answer += raw.socket.recv(65_536)
            except (TimeoutError, OSError):
                continue
        raw.socket.settimeout(10)
        assert "not whole after 0.5 s" in answer.decode() + raw.answer()
        assert settled(service)


@pytest.mark.parametrize("announced", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_nobody_reads_is_not_waited_for(announced):
    with serving() as service, Raw(service) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: here\r\n" + announced + b"\r\n\r\n")
        raw.socket.settimeout(5)
        answer = raw.answer()
        assert answer.startswith("HTTP/1.1 200")
        assert "connection: close" in answer.lower()


def test_a_head_that_does_not_come_is_not_waited_for():
    with serving(head_seconds=0.3) as service:
        for beginning in (b"", b"POST /v1/pre", HEAD):
            with Raw(service) as raw:
                raw.send(beginning)
                answer = raw.answer()
                assert answer.startswith("HTTP/1.1 408"), answer
                assert "the head of the request was not whole after 0.3 s" in answer
        assert service.client.get("/healthz").status_code == 200


def test_more_connections_than_the_limit_are_told_when_to_come_again():
    with serving(connections=3) as service:
        opened = [Raw(service) for _ in range(3)]
        time.sleep(0.1)
        with Raw(service) as raw:
            answer = raw.answer()
        assert answer.startswith("HTTP/1.1 503")
        assert "retry-after: 1" in answer.lower()
        assert "3 connections are open" in answer
        for connection in opened:
            connection.socket.close()
        time.sleep(0.1)
        assert service.client.get("/healthz").status_code == 200


def test_what_is_no_http_is_refused_told_and_counted(caplog):
    with (
        caplog.at_level(logging.INFO, "magtfnet.service"),
        serving() as service,
        Raw(service) as raw,
    ):
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        answer = raw.answer()
        assert answer.startswith("HTTP/1.1 400")
        head, _, body = answer.partition("\r\n\r\n")
        told = json.loads(body)
        assert told["type"] == "urn:magtfnet:problem:malformed-body"
        assert f"x-request-id: {told['request_id']}" in head.lower()
        until(lambda: "connection refused" in caplog.messages)
        (logged,) = [
            record.values for record in caplog.records if record.getMessage() == "connection refused"
        ]
        assert logged == {"request_id": told["request_id"], "problem": "malformed-body"}
        assert 'magtfnet_problems_total{kind="malformed-body"} 1.0' in service.client.get("/metrics").text
        assert service.client.get("/healthz").status_code == 200


def unread(service, request):
    """Send requests of which no answer is read; the buffers of the system are small, so that they are full soon."""
    service.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", service.port))
    raw.sendall(request)
    return raw


def test_answers_that_are_not_read_are_not_waited_for(caplog):
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving(silent_seconds=0.3) as service:
        connections = service.server.server_state.connections
        with unread(service, b"GET /v1/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 20):
            until(lambda: "not read" in caplog.messages)
            until(lambda: not connections)
        assert service.client.get("/healthz").status_code == 200


def test_a_slow_reader_is_waited_for():
    """It reads a little at a time, all of it longer than the limit, and gets everything."""
    with (
        serving(silent_seconds=0.3) as service,
        unread(service, b"GET /v1/openapi.json HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n") as raw,
    ):
        answer = b""
        while piece := raw.recv(1_000):
            answer += piece
            time.sleep(0.02)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}" in head.decode().lower()


def test_a_stream_that_is_not_read_is_not_kept(caplog):
    upgrade = (
        b"GET /v1/stream?rate=16000 HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    odd = b"\x82\x81\0\0\0\0a"  # a message of one byte, which is answered by a problem
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving(silent_seconds=0.3) as service:
        raw = unread(service, upgrade)
        raw.setblocking(False)
        for _ in range(1_000):
            try:
                raw.send(odd * 50)
            except BlockingIOError:
                pass
            except OSError:
                break
            if "not read" in caplog.messages:
                break
            time.sleep(0.01)
        assert "not read" in caplog.messages
        assert settled(service)
        raw.close()


def test_a_client_that_goes_leaves_nothing_behind(wav):
    with serving() as service:
        for _ in range(5):
            with Raw(service) as raw:
                raw.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + wav()[:500])
        assert settled(service)
        assert service.client.post("/v1/predict", content=wav()).status_code == 200


def test_bodies_of_all_requests_together_are_bounded(wav):
    with serving(pending_mib=0.01) as service:
        answer = service.client.post("/v1/predict", content=wav(1.0))
        problem_of(answer, "overloaded", "more than 0.01 MiB of recordings are under way; try again in 1 s")
        assert answer.headers["retry-after"] == "1"
        assert settled(service)


def wav_header(data_size, rate=16_000, channels=1):
    fmt = struct.pack("<IHHIIHH", 16, 1, channels, rate, 2 * channels, 2 * channels, 16)
    return (
        b"RIFF" + struct.pack("<I", 0xFFFF_FFFF) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", data_size)
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (wav_header(0x7FFE_0000) + bytes(1000), "truncated-audio"),
        (wav_header(0xFFFF_FFFF) + bytes(10), "duration"),
        (wav_header(0), "empty-audio"),
        (wav_header(40_000, rate=600_000) + bytes(40_000), "audio-policy"),
        (wav_header(2_000_000, channels=1000) + bytes(2_000_000), "audio-policy"),
        (b"RIFF\xff\xff\xff\xffWAVE", "truncated-audio"),
        (b"OggS" + bytes(100), "truncated-audio"),
        (b"fLaC" + bytes(100), "truncated-audio"),
        (b"ID3" + bytes(1000), None),
        (b"\xff\xfb\x90\x00" * 300, None),
        (bytes(5000), "unreadable-audio"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("address", ["/v1/predict", "/v1/timeline"])
def test_headers_that_lie_are_named(service, address, body, kind):
    answer = service.client.post(address, content=body)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["detail"].startswith("recording: ")
    if kind:
        problem_of(answer, kind)


@pytest.fixture(scope="module")
def bomb():
    """Ten hours of digital silence as FLAC: some hundred KiB, 576 MB when decoded."""
    file = io.BytesIO()
    silence = np.zeros(4_000 * 60, np.int16)
    with soundfile.SoundFile(file, "w", 4_000, 1, "PCM_16", format="FLAC") as written:
        for _ in range(600):
            written.write(silence)
    return file.getvalue()


@pytest.mark.parametrize("address", ["/v1/predict", "/v1/timeline"])
def test_ten_hours_of_silence_are_refused_before_they_are_decoded(service, bomb, address, monkeypatch):
    decoded = []
    block = OpenRecording._block
    monkeypatch.setattr(OpenRecording, "_block", lambda *a: decoded.append(a[2]) or block(*a))
    monkeypatch.setattr(audio_io, "decode", lambda *a, **k: pytest.fail("decoded whole"))
    assert len(bomb) < 1_000_000
    answer = service.client.post(address, content=bomb)
    limit = {"/v1/predict": "600", "/v1/timeline": "7200"}[address]
    problem_of(answer, "duration", f"36000.0 s of audio, at most {limit} s are taken; cut it")
    assert decoded == []


def test_a_wide_recording_never_becomes_gigabytes(wav, monkeypatch):
    """Eight channels of a minute are read in blocks of a second, each mixed down before the next."""
    largest = []
    block = OpenRecording._block

    def counted(*arguments):
        samples = block(*arguments)
        largest.append(samples.size)
        return samples

    monkeypatch.setattr(OpenRecording, "_block", counted)
    with serving() as service:
        answer = service.client.post("/v1/predict", content=wav(20.0, rate=48_000, channels=8, suffix="flac"))
    assert answer.status_code == 200
    assert max(largest) == 48_000 * 8
    assert len(largest) == 20


def test_samples_that_are_not_finite_or_absurd_are_no_mistake_of_ours(graph_path):
    from magtfnet import EmotionRecognizer

    with serving(recognizer=EmotionRecognizer.load(graph_path)) as service:
        for level, status in ((np.nan, 422), (np.inf, 422), (3e38, None), (1e-40, 200)):
            file = io.BytesIO()
            soundfile.write(file, np.full(8000, level, np.float32), 16_000, format="WAV", subtype="FLOAT")
            answer = service.client.post("/v1/predict", content=file.getvalue())
            assert answer.status_code in ((200, 422) if status is None else (status,)), answer.text
