"""SIGTERM: what is under way is finished, who comes is told so, and the process leaves with 0."""

import contextlib
import json
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from running_service import Process, problem_of, serving
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


@pytest.fixture
def process(graph_path):
    with Process(graph_path, "--no-page", guard=GUARD) as running:
        yield running


def test_it_serves_without_torch_and_ends_with_0(process, talk_path, graph_path):
    from magtfnet import EmotionRecognizer

    told = process.client.post("/v1/predict", content=talk_path.read_bytes()).json()
    assert told["label"] == EmotionRecognizer.load(graph_path).predict(talk_path).label
    assert process.client.get("/").status_code == 404
    with connect(f"{process.url.replace('http', 'ws')}/v1/stream?rate=16000", proxy=None) as socket:
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
    assert [line["event"] for line in log] == ["listening", "draining", "stopped"]
    assert log[1]["signal"] == sent.name
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


STUCK = """
import time
from magtfnet.service import hearing
hearing.predict = lambda *arguments: time.sleep(60)
"""


@pytest.mark.parametrize("signals", [1, 2])
def test_a_process_ends_however_long_its_threads_take(graph_path, wav, tmp_path, signals):
    """Its threads sleep for a minute: it ends at its limit, or at the second signal, and its folder is removed."""
    pytest.importorskip("gradio", reason="gradio is not installed: pip install 'magtfnet[page]'")
    drain = "0.2" if signals == 1 else "50"
    arguments = ("--limit", f"drain_seconds={drain}")
    with Process(graph_path, *arguments, guard=STUCK, TMPDIR=str(tmp_path)) as stuck:
        sent = stuck.client.post("/gradio_api/upload", files={"files": ("x.wav", wav())})
        assert Path(sent.json()[0]).exists()
        thread = threading.Thread(target=_ask_in_vain, args=(stuck.url, wav()))
        thread.start()
        while stuck.measured("magtfnet_recordings_under_way") == 0:
            pass
        for _ in range(signals - 1):
            stuck.process.send_signal(signal.SIGTERM)
            while not any('"draining"' in line for line in stuck.lines()):
                time.sleep(0.01)
        code, log = stuck.stop()  # waits 30 s at most
        thread.join()
    assert code == 0
    assert log[-1]["event"] == "stopped"
    assert list(tmp_path.glob("magtfnet-page-*")) == []
