"""The page in a browser: a file dropped, a recording made, results read from it, nothing asked for elsewhere."""

import asyncio
import base64
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running_service import RATE, Process, make_state, problem_of, serving
from scripted_engine import LoudnessEngine

from magtfnet import EmotionRecognizer, Waveform
from magtfnet.service.limits import MEBIBYTE, Limits
from magtfnet.service.page.answer import answer, now
from magtfnet.service.page.spectrogram import RANGE, spectrogram_picture
from magtfnet.timeline import Window

SECRET = "0123456789abcdef0123"
DROP = """
([data, name]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: "audio/wav" }));
    const input = document.querySelector("#file input[type=file]");
    const target = input.closest("button") ?? input.parentElement;
    for (const kind of ["dragenter", "dragover", "drop"])
        target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""


@pytest.fixture(scope="module")
def page_service(graph_path):
    """The command itself: gradio warns of its own ways, which is not ours to mend."""
    pytest.importorskip("gradio", reason="gradio is not installed: pip install 'magtfnet[page]'")
    with Process(graph_path, guard='import sys; sys.modules["torch"] = None\n') as service:
        yield service


class Browser:
    """A page of Chromium, and what it asked for and complained of."""

    def __init__(self, page):
        self.page = page
        self.asked, self.complaints = [], []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )

    def open(self, url):
        self.page.goto(url)
        self.page.wait_for_selector("#file input[type=file]", state="attached", timeout=60_000)

    def drop(self, data, name="call.wav"):
        self.page.evaluate(DROP, [base64.b64encode(data).decode(), name])

    def heard(self, *, but=""):
        """Wait for a result that is another than ``but``; return its heading."""
        self.page.wait_for_function(
            "but => (document.querySelector('.answer h2')?.innerText ?? but) !== but", arg=but, timeout=60_000
        )
        return self.page.inner_text(".answer h2")


@contextmanager
def browser(microphone, **context):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = chromium or playwright.chromium.executable_path
        if not Path(found).exists():
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        launched = playwright.chromium.launch(
            executable_path=found,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )
        try:
            yield Browser(launched.new_context(**context).new_page())
        finally:
            launched.close()


def test_a_file_and_a_recording_are_heard_and_nothing_is_asked_for_elsewhere(
    page_service, graph_path, talk, talk_path, tmp_path
):
    microphone = tmp_path / "microphone.wav"
    soundfile.write(microphone, talk, RATE)
    recognizer = EmotionRecognizer.load(graph_path)
    told = recognizer.predict(talk_path)
    with browser(microphone, viewport={"width": 1280, "height": 900}) as chromium:
        page = chromium.page
        chromium.open(page_service.url)
        chromium.drop(talk_path.read_bytes())
        first = chromium.heard()
        assert first == f"{told.label} {100 * told.confidence:.0f} %, in {told.duration:.2f} s of sound"
        rows = page.locator(".answer .bars tr")
        shares = dict(row.split("\t")[::2] for row in rows.all_inner_texts())
        expected = sorted(told.probabilities.items(), key=lambda row: -row[1])
        assert {k: v.strip() for k, v in shares.items()} == {name: f"{100 * p:.1f} %" for name, p in expected}
        assert page.get_attribute(".answer img", "alt").startswith(
            f"Spectrogram: {told.duration:.2f} s to the right"
        )
        segments = recognizer.timeline(talk_path).segments
        assert page.locator(".answer svg rect").count() == len(segments)
        assert page.locator(".answer table:not(.bars) tbody tr").count() == len(segments)

        record = page.get_by_role("button", name="Record")
        record.focus()
        page.keyboard.press("Enter")  # no mouse is needed
        page.wait_for_selector(".now", timeout=60_000)
        heard = page.inner_text(".now p[role=status]")
        assert heard.split(",")[0] in ("anger", "neutral", "sadness")
        assert heard.endswith("s heard")
        assert page_service.measured("magtfnet_streams_open") == 1
        page.wait_for_selector("#file input[type=file]", state="attached")  # the file before has gone
        stop = page.get_by_role("button", name="Stop")
        stop.focus()
        page.keyboard.press("Enter")
        second = chromium.heard(but=first)
        assert second.split()[0] in ("anger", "neutral", "sadness")
        assert float(re.search(r", in ([\d.]+) s", second)[1]) > 1
        assert page_service.measured("magtfnet_streams_open") == 0

        elsewhere = [
            url for url in chromium.asked if not url.startswith((page_service.url, "blob:", "data:"))
        ]
        assert elsewhere == []
        assert chromium.complaints == []
        assert len(chromium.asked) > 5


def test_what_cannot_be_heard_is_a_sentence_on_the_page(page_service, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    with browser(tmp_path / "silence.wav") as chromium:
        chromium.open(page_service.url)
        chromium.page.set_input_files(
            "#file input[type=file]", {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"no sound at all"}
        )
        alert = chromium.page.wait_for_selector("#result [role=alert]", timeout=60_000).inner_text()
    assert alert == "recording: not audio in a known format; convert it to WAV, FLAC, OGG, MP3 or AIFF"


def test_it_is_readable_on_a_phone_and_has_names_for_screen_readers(page_service, talk_path, tmp_path):
    with browser(talk_path, viewport={"width": 360, "height": 740}, device_scale_factor=2) as chromium:
        page = chromium.page
        chromium.open(page_service.url)
        page.set_input_files("#file input[type=file]", str(talk_path))
        chromium.heard()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.answer'))") <= 0
        assert page.title() == "magtfnet: emotions in speech"
        assert page.get_attribute("html", "lang") == "en"
        assert page.locator("h1").count() == 1
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input:not([type=file]), select, img, svg[role]")]
                .filter((e) => e.offsetParent !== null)
                .filter((e) => !(e.innerText?.trim() || e.getAttribute("aria-label") || e.title || e.alt
                    || e.getAttribute("placeholder") || e.labels?.length))
                .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == []


def test_a_token_keeps_the_page_too(graph_path, talk_path):
    with Process(graph_path, MAGTFNET_TOKEN=SECRET) as service:
        for address in ("/", "/config", "/gradio_api/info", "/gradio_api/upload"):
            assert service.client.get(address).status_code == 401
        with browser(talk_path, http_credentials={"username": "anyone", "password": SECRET}) as chromium:
            chromium.open(service.url)
            chromium.page.set_input_files("#file input[type=file]", str(talk_path))
            assert chromium.heard()
            assert chromium.complaints == []


def test_what_is_served_loads_nothing_from_elsewhere(page_service):
    """The policy forbids it to browsers, and neither the fonts nor analytics are asked for."""
    answer = page_service.client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "fonts.googleapis" not in answer.text
    assert page_service.client.get("/config").json()["analytics_enabled"] is False
    theme = page_service.client.get("/theme.css").text
    assert set(re.findall(r"https?://[^/']+", theme)) <= {
        "http://www.w3.org"
    }  # the name of SVG, which nobody fetches


def test_uploads_are_bounded_and_their_folder_goes_with_the_process(graph_path, wav, tmp_path):
    with Process(
        graph_path, "--limit", "page_mib=0.08", "--limit", "body_mib=1", TMPDIR=str(tmp_path)
    ) as service:
        (folder,) = tmp_path.glob("magtfnet-page-*")
        first = service.client.post("/gradio_api/upload", files={"files": ("../../../x.wav", wav(1.0))})
        assert first.status_code == 200
        (kept,) = [Path(path) for path in first.json()]
        assert kept.is_relative_to(folder)
        assert (
            service.client.post("/gradio_api/upload", files={"files": ("y.wav", wav(1.1))}).status_code == 200
        )
        refused = service.client.post("/gradio_api/upload", files={"files": ("z.wav", wav(1.2))})
        problem_of(refused, "overloaded", "at most 0.08 MiB; try again in 60 s")
        large = service.client.post("/gradio_api/upload", content=bytes(2 * MEBIBYTE))
        problem_of(large, "too-large", "a body of 2.0 MiB, at most 1 MiB")
        code, _ = service.stop()
        assert code == 0
    assert list(tmp_path.glob("magtfnet-page-*")) == []


def test_what_gradio_would_keep_is_small(page_service):
    said = page_service.client.post("/gradio_api/queue/join", content=bytes(300_000))
    problem_of(said, "too-large", "0.3 MiB, at most 0.25 MiB are taken")


def test_as_many_recordings_go_on_at_once_as_streams_are_let_in():
    pytest.importorskip("gradio", reason="gradio is not installed: pip install 'magtfnet[page]'")
    code = (
        "from running_service import make_state\n"
        "from magtfnet.service.page.layout import build_page\n"
        "print(build_page(make_state(streams=70, requests=9))._queue.max_thread_count)"
    )
    # in a process of its own: gradio leaves loops open
    path = os.pathsep.join(filter(None, sys.path))
    found = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True
    )
    assert found.stdout.split() == [b"79"]


@pytest.mark.parametrize("widget", ["file", "microphone"])
def test_a_path_that_a_client_names_is_neither_heard_nor_removed(page_service, widget, tmp_path, wav):
    """Past the browser: who calls a function of the page with a path of the machine gets nothing of it."""
    client = page_service.client
    (tmp_path / "private.wav").write_bytes(wav(1.0))
    kind, beside = {"file": ("upload", "tiny"), "microphone": ("stream", None)}[widget]
    dependencies = client.get("/config").json()["dependencies"]
    function = next(d["id"] for d in dependencies if d["targets"][0][1] == kind)
    for number, path in enumerate((str(tmp_path / "private.wav"), "/etc/passwd", "http://127.0.0.1:1/x.wav")):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        session = f"{widget}{number}"
        asked = {"data": [file, beside], "fn_index": function, "session_hash": session}
        assert client.post("/gradio_api/queue/join", json=asked).status_code == 200
        told = ""
        with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as events:
            for number_of_lines, line in enumerate(events.iter_lines()):
                told += line
                if '"output"' in line or number_of_lines > 50:
                    break
        assert "no file that was sent here" in told or '"success":false' in told.replace(" ", ""), told
        assert "heard" not in told
        assert "Probability" not in told
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)
    assert (tmp_path / "private.wav").exists()


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/deep_link?session_hash=a"),
        ("GET", "/gradio_api/file=http://127.0.0.1:1/x.wav"),
        ("GET", "/gradio_api/file=../../etc/passwd"),
        ("GET", "/gradio_api/file=%00"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1:1/"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/monitoring"),
        ("GET", "/manifest.json"),
        ("POST", "/login"),
    ],
)
def test_of_gradios_addresses_only_those_of_the_page_are_there(page_service, method, address):
    answer = page_service.client.request(method, address)
    problem_of(answer, "not-found", "nothing is here")


def test_with_the_page_our_own_addresses_say_which_methods_they_take(page_service):
    for address in ("/healthz", "/readyz", "/metrics"):
        problem_of(page_service.client.post(address), "method", "takes GET")
    answer = page_service.client.request("PROPFIND", "/")
    problem_of(answer, "method", "no address here takes; use GET or POST")


def test_no_other_origin_is_let_in_by_gradio(page_service):
    client = page_service.client
    problem_of(client.get("/config", headers={"Origin": "http://evil.example"}), "forbidden", "an Origin")
    problem_of(
        client.get("/", headers={"Host": "evil.example"}), "forbidden", "a Host that is not", "--allow-host"
    )
    own = client.get("/config", headers={"Origin": page_service.url})
    assert own.status_code == 200
    assert not [name for name in own.headers if name.startswith("access-control-")]


def test_only_files_that_were_sent_are_opened(tmp_path):
    pytest.importorskip("gradio", reason="gradio is not installed: pip install 'magtfnet[page]'")
    from magtfnet.service.page.layout import sent_file
    from magtfnet.service.problems import ProblemError

    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a.wav").write_bytes(b"a")
    (tmp_path / "b.wav").write_bytes(b"b")
    (kept / "link.wav").symlink_to(tmp_path / "b.wav")
    assert sent_file(str(kept / "a.wav"), kept) == (kept / "a.wav").resolve()
    for path in (
        kept / "link.wav",
        kept / ".." / "b.wav",
        kept / "gone.wav",
        kept,
        tmp_path / "b.wav",
        Path("/etc/passwd"),
    ):
        with pytest.raises(ProblemError, match="no file that was sent here"):
            sent_file(str(path), kept)
    with pytest.raises(ProblemError, match="no file that was sent here"):
        sent_file(str(kept / "a.wav"), None)


def test_without_gradio_the_interface_is_served_and_the_page_says_what_to_install(monkeypatch, wav):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    with serving(page=True) as service:
        answer = service.client.get("/")
        assert answer.status_code == 501
        assert answer.text == "this needs 'gradio', which is not installed: pip install 'magtfnet[page]'\n"
        assert service.client.post("/v1/predict", content=wav()).status_code == 200
        problem_of(service.client.get("/v1/nothing"), "not-found")


def test_a_tone_is_a_dark_line_at_its_height():
    from io import BytesIO

    from PIL import Image

    tone = np.sin(2 * np.pi * 2_000 * np.arange(RATE) / RATE).astype(np.float32)
    url = spectrogram_picture(tone)
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))))  # (F, T), top down
    assert picture.shape == (257, 250)
    assert {256 - row for row in picture[:, 20:-20].argmin(axis=0)} == {64}  # 2,000 Hz of 8,000 in 257 bins
    assert picture[:, 100].max() == 255, f"{RANGE} dB below the tone is white"
    assert spectrogram_picture(np.zeros(400, np.float32)).startswith("data:image/png;base64,")


@pytest.fixture
def live_of():
    """A recording that is being made, by an engine and limits."""
    pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'magtfnet[page]'")
    from magtfnet.service.page.live import Live

    def make(engine=None, **limits):
        state = make_state(**limits)
        return state, Live(EmotionRecognizer(engine or LoudnessEngine()), state.limits, state.work)

    return make


def as_wav(samples, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def test_live_recordings_take_a_place_with_their_first_piece_and_give_it_back(talk, live_of):
    from magtfnet import DurationError

    async def record():
        state, live = live_of(recording_seconds=len(talk) / RATE)
        assert state.work.streams == 0, "nothing was sent yet"
        for first in range(0, len(talk), 8_000):
            await live.hear(as_wav(talk[first : first + 8_000]))
        assert state.work.streams == 1
        assert not state.work.busy, "stopping does not wait for it"
        with state.work.stream():
            assert state.work.busy
        assert live.last is not None
        with pytest.raises(DurationError, match="what came before is kept; end the recording"):
            await live.hear(as_wav(talk[:8_000]))
        assert np.array_equal(live._whole().samples, talk)
        told = EmotionRecognizer(LoudnessEngine()).predict(Waveform(talk, RATE))
        assert f"{told.duration:.2f} s" in await live.end()
        await live.hear(as_wav(talk[:8_000]))  # behind the end: no part of it, and no place is taken
        live.close()
        assert (state.work.streams, state.work.requests) == (0, 0)
        _, empty = live_of()
        with pytest.raises(DurationError, match=r"0\.000 s of audio; record at least 0\.025 s"):
            await empty.end()

    asyncio.run(record())


def test_a_piece_of_three_hours_is_refused_before_it_is_decoded(live_of, monkeypatch):
    """A file of some hundred KiB that is silence without end: its header is enough, and the loop never reads it."""
    from magtfnet import DurationError
    from magtfnet.audio.blocks import OpenRecording

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 4_000, 1, "PCM_16", format="FLAC") as written:
        for _ in range(180):
            written.write(np.zeros(4_000 * 60, np.int16))
    monkeypatch.setattr(OpenRecording, "_block", lambda *a: pytest.fail("decoded"))
    _, live = live_of()
    with pytest.raises(DurationError, match="more than 600 s of audio"):
        asyncio.run(live.hear(file.getvalue()))


def test_pieces_are_heard_one_after_another_in_threads(talk, live_of, monkeypatch):
    """However many requests bring them at once; and what is kept is at the model's rate, not the browser's."""
    _, live = live_of(workers=4)
    inside, most, threads = 0, 0, set()
    take = type(live)._take

    def watched(self, data):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threads.add(threading.current_thread())
        take(self, data)
        inside -= 1

    monkeypatch.setattr(type(live), "_take", watched)
    pieces = [
        as_wav(np.repeat(talk[first : first + 1_600], 3), 3 * RATE) for first in range(0, len(talk), 1_600)
    ]

    async def record():
        await asyncio.gather(*(live.hear(piece) for piece in pieces))

    asyncio.run(record())
    assert most == 1
    assert threading.main_thread() not in threads
    assert live.seconds == len(talk) / RATE
    assert len(live._whole().samples) == len(talk)


@pytest.mark.parametrize(("least", "said"), [(0.0, 0), (1.0, 1)])
def test_an_answer_that_is_not_sure_says_so(talk, least, said):
    recognizer = EmotionRecognizer(LoudnessEngine(), unsure_below=least)
    told = answer(recognizer, Waveform(talk, RATE), Limits())
    assert (
        len(
            re.findall(
                r"<strong>Not sure:</strong> the most probable emotion has [\d.]+ %, less than 100 %\.", told
            )
        )
        == said
    )
    assert told.count(" %, not sure.</p>") == said, "as it is read out"
    segments = recognizer.timeline(Waveform(talk, RATE)).segments
    assert segments
    assert told.count(" %, not sure</td>") == said * len(segments)
    window = Window(0, 1, (1.0, 0.0, 0.0), (0.9, 0.1, 0.0), "anger", sure=not said)
    assert now(recognizer.labels.classes, window, 1.0).count("anger, not sure, 1.0 s heard") == said
