"""Clients of a service side by side: how long they wait, and whether anything is lost: ``FILE CLIENTS REQUESTS``.

The service is a process of its own with its default limits; this process only asks. A client that is told to come
again (503) does so after the seconds that it is told, and its time counts from its first attempt.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from magtfnet.cli.terminal import show


def main(file: str, clients: str, requests: str) -> None:
    """Ask, and show latencies, answers, refusals and the service's memory."""
    body = Path(file).read_bytes()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "magtfnet", "serve", "--port", "0", "--no-page"], stdout=log, stderr=log
        )
        try:
            url = _address(log, process)
            with httpx.Client(base_url=url, trust_env=False) as client:
                client.post("/v1/predict", content=body)  # everything is loaded
                before = _resident(process.pid)
                start = time.perf_counter()
                seconds, refused, labels = asyncio.run(_ask(url, body, int(clients), int(requests)))
                wall = time.perf_counter() - start
                after = _resident(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait()
    show(
        f"{len(seconds)} answers of {int(clients) * int(requests)} asked by {clients} clients, {refused} times told 503"
    )
    show(f"labels: {sorted(labels)}; {len(seconds) / wall:.1f} answers a second; exit code {code}")
    shares = ", ".join(f"{q} % {1000 * np.quantile(seconds, q / 100):.0f} ms" for q in (50, 95, 99))
    show(f"latency: {shares}")
    show(f"resident: {before:.0f} MiB after the first, {after:.0f} MiB after all")


async def _ask(url: str, body: bytes, clients: int, requests: int) -> tuple[list[float], int, set[str]]:
    seconds: list[float] = []
    labels: set[str] = set()
    refused = 0

    async def one() -> None:
        nonlocal refused
        # A connection a client: where they share a pool, its own waiting is what is timed.
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            for _ in range(requests):
                start = time.perf_counter()
                while (answer := await client.post("/v1/predict", content=body)).status_code == 503:
                    refused += 1
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                labels.add(answer.raise_for_status().json()["label"])
                seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(one() for _ in range(clients)))
    return seconds, refused, labels


def _address(log: "tempfile._TemporaryFileWrapper[str]", process: "subprocess.Popen[bytes]") -> str:
    while process.poll() is None:
        log.seek(0)
        for line in log.read().splitlines():
            if '"listening"' in line:
                return str(json.loads(line)["address"])
        time.sleep(0.05)
    raise SystemExit("the service did not begin")


def _resident(pid: int) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main(*sys.argv[1:])
