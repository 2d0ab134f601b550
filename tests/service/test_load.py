"""Many clients and many requests: every one is answered, none is answered twice, and memory stays as it was."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from running_service import problem_of, serving
from scripted_engine import LoudnessEngine


def test_two_hundred_clients_at_once_lose_nothing(wav):
    """Each sends a loudness of its own, and gets the answer to it; who is told to come again does, and is served."""
    levels = [0.02 + 0.001 * number for number in range(200)]
    bodies = [wav(0.1, level) for level in levels]

    async def ask(client, body, again):
        while True:
            answer = await client.post("/v1/predict", content=body)
            if answer.status_code != 503:
                assert answer.status_code == 200, answer.text
                return answer.json()["probabilities"]["anger"]
            assert int(answer.headers["retry-after"]) >= 1
            again.append(1)
            await asyncio.sleep(0.05)

    async def ask_all(url):
        again = []
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client:
            return await asyncio.gather(*(ask(client, body, again) for body in bodies)), again

    with serving(requests=64, workers=2) as service:
        answers, again = asyncio.run(ask_all(service.url))
        told = service.client.get("/metrics").text
    assert answers == sorted(answers)
    assert len(set(answers)) == 200
    assert 'route="/v1/predict",status="200"} 200.0' in told
    if again:
        assert f'route="/v1/predict",status="503"}} {len(again)}.0' in told


def test_more_than_is_taken_is_told_when_to_come_again(wav):
    """One is heard and one waits; the third is refused at once, and what was taken is answered."""
    may_answer, hearing = threading.Event(), threading.Event()

    class Waiting(LoudnessEngine):
        def probabilities(self, waveforms):
            hearing.set()
            assert may_answer.wait(20)
            return super().probabilities(waveforms)

    with serving(Waiting(), requests=2, workers=1) as service:
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(f"{service.url}/v1/predict", content=wav(), trust_env=False)
                )
            )
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        while service.state.work.requests < 2:
            hearing.wait(0.01)
        refused = service.client.post("/v1/predict", content=wav())
        problem_of(refused, "overloaded", "2 recordings are under way, at most 2 are taken; try again in 1 s")
        assert refused.headers["retry-after"] == "1"
        assert service.client.get("/healthz").status_code == 200, "the event loop is free"
        may_answer.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200, 200]


MEASURED = """
import http.client, json, os, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from running_service import serving

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

body = Path(sys.argv[3]).read_bytes()
with serving() as service:
    client = http.client.HTTPConnection("127.0.0.1", service.port)
    def ask(count):
        for _ in range(count):
            client.request("POST", "/v1/predict", body)
            answer = client.getresponse()
            assert b"label" in answer.read() and answer.status == 200
    ask(1000)
    first = resident()
    ask(4000)
    print(json.dumps([first, resident()]))
"""


@pytest.mark.slow
def test_memory_is_flat_over_five_thousand_requests(wav, tmp_path):
    """After a thousand requests, with every cache warm, four thousand more may add 8 MiB in all.

    A body is 32 KB and becomes 64 KB of samples, so one that was kept of a hundred would add 4 MB; what allocators
    move about is 2 MB and less.
    """
    path = tmp_path / "sound.wav"
    path.write_bytes(wav(1.0))
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tests / "reference"), str(tests / "service"), str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    )
    assert done.returncode == 0, done.stderr
    first, last = json.loads(done.stdout)
    assert last - first < 8 << 20
