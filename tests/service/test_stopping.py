"""SIGTERM: what is under way is finished, who comes is told so, and the process leaves with 0."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from running_service import problem_of, serving
from scripted_engine import LoudnessEngine
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FORBIDDEN = (
    "torch",
    "onnx",
    "pandas",
    "pyarrow",
    "matplotlib",
    "scipy",
    "sklearn",
    "captum",
    "safetensors",
    "gradio",
)
"""What the light install with the extra ``serve`` has not."""
GUARD = f"import sys\nfor name in {FORBIDDEN!r}: sys.modules[name] = None\n"
COMMAND = "sys.argv[0] = 'magtfnet'\nfrom magtfnet.cli import main\nmain()"


class Process:
    """The command ``serve`` in a process of its own, where importing torch is an error."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", GUARD + COMMAND, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "MAGTFNET_TOKEN"},
        )
        first = self.process.stderr.readline()
        try:
            self.address = json.loads(first)["address"]
        except (ValueError, KeyError):
            self.process.kill()
            raise AssertionError(first + self.process.stderr.read()) from None

    def stop(self, sent=signal.SIGTERM):
        """Send a signal; return the exit code and the log."""
        self.process.send_signal(sent)
        out, err = self.process.communicate(timeout=20)
        assert out == ""
        return self.process.returncode, [json.loads(line) for line in err.splitlines()]


@pytest.fixture
def process(graph_path):
    running = Process("--model", str(graph_path), "--no-page")
    yield running
    running.process.kill()
    running.process.communicate()


def test_it_serves_without_torch_and_ends_with_0(process, talk_path, graph_path):
    from magtfnet import EmotionRecognizer

    url = process.address
    told = httpx.post(f"{url}v1/predict", content=talk_path.read_bytes(), trust_env=False, timeout=30).json()
    assert told["label"] == EmotionRecognizer.load(graph_path).predict(talk_path).label
    assert httpx.get(url, trust_env=False).status_code == 404
    with connect(f"{url.replace('http', 'ws')}v1/stream?rate=16000", proxy=None) as socket:
        assert json.loads(socket.recv())["type"] == "ready"
        process.process.send_signal(signal.SIGTERM)
        assert json.loads(socket.recv())["type"] == "end"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd.code == 1001
    code, log = process.stop()
    assert code == 0
    events = [line["event"] for line in log]
    assert events[-1] == "stopped"
    assert "draining" in events
    assert "stream" in events


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_ends_at_once(process, sent):
    start = time.monotonic()
    code, log = process.stop(sent)
    assert code == 0
    assert [line["event"] for line in log] == ["draining", "stopped"]
    assert log[0]["signal"] == sent.name
    assert time.monotonic() - start < 15


def test_work_under_way_is_finished_and_new_work_is_refused(wav):
    may_answer, hearing = threading.Event(), threading.Event()

    class Waiting(LoudnessEngine):
        def probabilities(self, waveforms):
            hearing.set()
            assert may_answer.wait(20)
            return super().probabilities(waveforms)

    with serving(Waiting()) as service:
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{service.url}/v1/predict", content=wav(), trust_env=False)
            )
        )
        thread.start()
        assert hearing.wait(20)
        service.server.stop()
        while service.client.get("/readyz").status_code != 503:
            pass
        refused = service.client.post("/v1/predict", content=wav())
        problem_of(refused, "draining", "being stopped; ask again")
        assert refused.headers["retry-after"] == "5"
        assert service.client.get("/healthz").status_code == 200
        may_answer.set()
        thread.join()
        service.thread.join(20)
    assert answers[0].status_code == 200
    assert answers[0].json()["label"]


def test_work_that_does_not_end_is_abandoned_after_its_limit(wav, caplog):
    may_answer, hearing = threading.Event(), threading.Event()

    class Stuck(LoudnessEngine):
        def probabilities(self, waveforms):
            hearing.set()
            may_answer.wait(20)
            return super().probabilities(waveforms)

    with serving(Stuck(), drain_seconds=0.1) as service:
        thread = threading.Thread(target=lambda: _ask_in_vain(service.url, wav()))
        thread.start()
        assert hearing.wait(20)
        service.server.stop()
        service.thread.join(20)
        assert not service.thread.is_alive()
        may_answer.set()
        thread.join()
    assert [record.values for record in caplog.records if record.getMessage() == "abandoned"] == [
        {"requests": 1, "streams": 0}
    ]


def _ask_in_vain(url, body):
    with contextlib.suppress(httpx.HTTPError):
        httpx.post(f"{url}/v1/predict", content=body, trust_env=False)
