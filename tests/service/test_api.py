"""The interface over HTTP: what it answers is what the recognizer says, and every mistake is one line."""

import io
import json
import logging
import shutil

import numpy as np
import pytest
import soundfile
from running_service import ABOUT, RATE, problem_of, serving
from scripted_engine import LoudnessEngine

from magtfnet import ConfigError, EmotionRecognizer, ServiceError
from magtfnet.config import AudioConfig
from magtfnet.service.limits import Limits, parse_limits
from magtfnet.service.logs import JsonLines, is_news
from magtfnet.service.models import Models, Served
from magtfnet.service.problems import KINDS, ProblemError
from magtfnet.service.tokens import Token

SECRET = "0123456789abcdef0123"


def test_a_prediction_is_the_recognizers(graph_path, talk_path):
    recognizer = EmotionRecognizer.load(graph_path)
    told = recognizer.predict(talk_path)
    with serving(recognizer=recognizer) as service:
        raw = service.client.post("/v1/predict", content=talk_path.read_bytes()).json()
        form = service.client.post("/v1/predict", files={"file": talk_path.read_bytes()}).json()
        named = service.client.post("/v1/predict?model=loud", content=talk_path.read_bytes()).json()
    assert raw == form == named
    assert (raw["label"], raw["duration"], raw["model"]) == (told.label, told.duration, "loud")
    assert raw["probabilities"] == dict(told.probabilities)
    assert raw["sure"] is True


def test_an_answer_below_the_threshold_says_so(talk):
    recognizer = EmotionRecognizer(LoudnessEngine(), unsure_below=1.0)
    data = io.BytesIO()
    soundfile.write(data, talk, RATE, format="WAV")
    with serving(recognizer=recognizer) as service:
        told = service.client.post("/v1/predict", content=data.getvalue()).json()
        along = service.client.post("/v1/timeline", content=data.getvalue()).json()
    assert told["sure"] is False
    assert told["label"] in told["probabilities"]
    assert {part["sure"] for part in (*along["segments"], *along["windows"])} == {False}


@pytest.mark.parametrize(
    ("rate", "channels", "suffix"), [(44_100, 2, "flac"), (8_000, 1, "ogg"), (48_000, 1, "mp3")]
)
def test_any_rate_and_format_is_heard_as_a_file_is(service, talk, tmp_path, rate, channels, suffix):
    path = tmp_path / f"talk.{suffix}"
    soundfile.write(path, np.stack([talk] * channels, axis=1), rate)
    told = service.client.post("/v1/predict", content=path.read_bytes()).json()
    alone = EmotionRecognizer(LoudnessEngine()).predict(path)
    assert told["label"] == alone.label
    assert told["duration"] == alone.duration
    assert told["probabilities"] == pytest.approx(dict(alone.probabilities), abs=1e-9)


def test_a_timeline_is_the_recognizers(service, talk_path):
    told = service.client.post(
        "/v1/timeline?window=1&hop=0.5", files={"file": ("secret.wav", talk_path.read_bytes())}
    ).json()
    from magtfnet import TimelineSettings

    known = EmotionRecognizer(LoudnessEngine()).timeline(
        talk_path, settings=TimelineSettings(window=1, hop=0.5)
    )
    expected = known.to_dict()
    assert expected.pop("source") == str(talk_path)
    assert told.pop("model") == "loud"
    assert told == expected
    assert told["segments"]


def test_a_timeline_by_channel_and_in_every_format(service, talk):
    from magtfnet.service.api import MEDIA_TYPES
    from magtfnet.timeline.formats import FORMATS

    stereo = io.BytesIO()
    soundfile.write(stereo, np.stack([talk, 0.1 * talk], axis=1), RATE, format="WAV")
    told = service.client.post("/v1/timeline?by_channel=true", content=stereo.getvalue()).json()
    assert told["channels"] == 2
    assert {segment["channel"] for segment in told["segments"]} == {0, 1}
    assert {*MEDIA_TYPES, "json"} == set(FORMATS)
    for name, kind in MEDIA_TYPES.items():
        answer = service.client.post(f"/v1/timeline?by_channel=true&format={name}", content=stereo.getvalue())
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert len(answer.text) > 50


def test_models_health_and_readiness(service):
    (model,) = service.client.get("/v1/models").json()["models"]
    assert (model["name"], model["default"], model["classes"]) == ("loud", True, ABOUT["classes"])
    assert "path" not in model
    assert service.client.get("/healthz").json() == {"status": "alive"}
    assert service.client.get("/readyz").json() == {"status": "ready"}


def test_metrics_count(wav):
    with serving() as service:
        for _ in range(3):
            service.client.post("/v1/predict", content=wav(0.5))
        service.client.post("/v1/predict", content=b"x")
        service.client.get("/v1/%2e%2e/etc/passwd")
        lines = service.client.get("/metrics").text.splitlines()
    assert 'magtfnet_requests_total{method="POST",route="/v1/predict",status="200"} 3.0' in lines
    assert 'magtfnet_requests_total{method="POST",route="/v1/predict",status="422"} 1.0' in lines
    assert 'magtfnet_problems_total{kind="unreadable-audio"} 1.0' in lines
    assert 'magtfnet_audio_seconds_total{route="/v1/predict"} 1.5' in lines
    assert "magtfnet_pending_bytes 0.0" in lines
    assert "magtfnet_recordings_under_way 0.0" in lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)
    assert not any("passwd" in line for line in lines)


@pytest.mark.parametrize(
    ("address", "body", "kind", "words"),
    [
        ("/v1/predict", b"", "empty-audio", ["0 bytes; send"]),
        (
            "/v1/predict",
            b"not audio",
            "unreadable-audio",
            ["recording: not audio in a known format; convert"],
        ),
        ("/v1/predict?model=../../etc/passwd", b"x", "unknown-model", ["expected one of loud"]),
        ("/v1/predict?model=%00", b"x", "unknown-model", ["expected one of loud"]),
        (
            "/v1/timeline?window=0.1",
            b"x",
            "parameter",
            ["window: input should be greater than or equal to 0.5"],
        ),
        ("/v1/timeline?hop=9&window=2", b"x", "parameter", ["hop 9 s must be at most window 2 s"]),
        (
            "/v1/timeline?hop=0.1&window=60",
            b"x",
            "parameter",
            ["at most 10 windows over one moment", "larger hop"],
        ),
        ("/v1/timeline?format=exe", b"x", "parameter", ["format: input should be 'json'"]),
        (
            "/v1/timeline?hopp=1",
            b"x",
            "parameter",
            ["unknown parameter 'hopp'; /v1/openapi.json lists what there is"],
        ),
        ("/v1/predict?format=csv", b"x", "parameter", ["unknown parameter 'format'"]),
        ("/v1/nothing", b"x", "not-found", ["/v1/openapi.json lists what there is"]),
        ("/nothing", b"x", "not-found", ["/v1/openapi.json lists what there is"]),
        ("/v1/models", b"x", "method", ["takes GET"]),
        ("/healthz", b"x", "method", ["takes GET"]),
    ],
)
def test_mistakes_are_problems(service, address, body, kind, words):
    problem_of(service.client.post(address, content=body), kind, *words)


def test_forms_that_cannot_be_taken_apart(service, wav):
    post = service.client.post
    problem_of(post("/v1/predict", files={"other": wav()}), "malformed-body", "called 'file'")
    problem_of(post("/v1/predict", files={"file": b""}), "empty-audio", "a file of 0 bytes")
    two = [("file", wav()), ("file", wav())]
    problem_of(post("/v1/predict", files=two), "malformed-body", "Too many files")
    form = {"content-type": "multipart/form-data; boundary=x"}
    problem_of(
        post("/v1/predict", content=b"--y\r\nno form", headers=form), "malformed-body", "send one file"
    )
    odd = {"content-type": "multipart/form-data; boundary=x; charset=undefined"}
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nb\r\n--x--\r\n'
    problem_of(post("/v1/predict", content=part, headers=odd), "malformed-body", "send one file")
    bare = {"content-type": "multipart/form-data"}
    problem_of(post("/v1/predict", content=b"--y", headers=bare), "malformed-body", "boundary")


def test_wrong_methods_say_which(service):
    answer = service.client.get("/v1/predict")
    problem_of(answer, "method", "takes POST")
    assert answer.headers["allow"] == "POST"


def test_what_can_be_got_has_a_head(service):
    for address in ("/healthz", "/readyz", "/metrics", "/v1/models"):
        whole, head = service.client.get(address), service.client.head(address)
        assert head.status_code == whole.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert service.client.head("/v1/predict").status_code == 405
    assert service.client.delete("/v1/models").headers["allow"] == "GET, HEAD"
    assert service.client.head("/v1/nothing").status_code == 404


def test_recordings_beyond_a_limit_are_told_both_numbers(wav):
    with serving(recording_seconds=1, timeline_seconds=2, channels=1, sample_rate=16_000) as service:
        post = service.client.post
        problem_of(post("/v1/predict", content=wav(1.5)), "duration", "1.5 s of audio, at most 1 s")
        problem_of(post("/v1/timeline", content=wav(2.5)), "duration", "2.5 s of audio, at most 2 s")
        problem_of(post("/v1/predict", content=wav(channels=2)), "audio-policy", "2 channels, at most 1")
        problem_of(
            post("/v1/predict", content=wav(rate=22_050)), "audio-policy", "22050 Hz, at most 16000 Hz"
        )
        assert post("/v1/predict", content=wav(1.0)).status_code == 200


def test_a_model_that_refuses_is_a_problem(wav):
    with serving(LoudnessEngine(AudioConfig(resampling="refuse"))) as service:
        answer = service.client.post("/v1/predict", content=wav(rate=8_000))
    problem_of(answer, "audio-policy", "sample rate 8000 Hz, expected 16000 Hz")


def test_request_ids_are_the_clients_where_they_are_words(service):
    get = service.client.get
    assert get("/healthz", headers={"X-Request-ID": "call-7.a_b"}).headers["x-request-id"] == "call-7.a_b"
    for odd in ("a b", "x" * 65, '{"a":1}'):
        made = get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert len(made) == 32
        assert made.isalnum()


def test_a_token_is_wanted_everywhere_but_for_health(wav):
    with serving(token=SECRET) as service:
        for address in ("/v1/models", "/metrics", "/", "/v1/openapi.json", "/v1/nothing"):
            answer = service.client.get(address)
            problem_of(answer, "unauthorized", "wants its token")
            assert answer.status_code == 401
        assert service.client.get("/v1/models").headers["www-authenticate"] == "Bearer"
        assert service.client.get("/").headers["www-authenticate"].startswith("Basic")
        assert service.client.get("/healthz").status_code == 200
        assert service.client.get("/readyz").status_code == 200
        for wrong in (
            "Bearer",
            "Bearer x",
            f"Bearer {SECRET}x",
            f"Basic {SECRET}",
            "Basic ====",
            f"Token {SECRET}",
        ):
            assert service.client.get("/v1/models", headers={"Authorization": wrong}).status_code == 401
        shown = {"Authorization": f"Bearer {SECRET}"}
        assert service.client.post("/v1/predict", content=wav(), headers=shown).status_code == 200
        assert service.client.get("/v1/models", auth=("anyone", SECRET)).status_code == 200


def test_tokens_are_compared_in_constant_time(monkeypatch):
    """Both sides are digests of one length, compared by the function that looks at every byte."""
    import hmac

    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return hmac_compare(one, other)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    token = Token(SECRET)
    assert [token.admits(shown) for shown in (None, "", "Bearer x", f"bearer {SECRET}")] == [
        False,
        False,
        False,
        True,
    ]
    assert compared == [(32, 32)] * 4


def test_unfit_tokens_are_named(tmp_path, monkeypatch):
    for secret in ("short", "with a space in its middle", "ümlaut-ümlaut-ümlaut"):
        with pytest.raises(ServiceError, match=rf"a token of {len(secret)} characters, expected at least 16"):
            Token(secret)
    with pytest.raises(ServiceError, match="No such file or directory; name a file that holds the token"):
        Token.find(tmp_path / "none")
    (tmp_path / "token").write_text(f"{SECRET}\n")
    found = Token.find(tmp_path / "token")
    assert found is not None
    assert found.admits(f"Bearer {SECRET}")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ServiceError, match="not text; name a file"):
        Token.find(tmp_path / "bytes")
    monkeypatch.setenv("MAGTFNET_TOKEN", "")
    with pytest.raises(ServiceError, match="a token of 0 characters"):
        Token.find(None)
    monkeypatch.delenv("MAGTFNET_TOKEN")
    assert Token.find(None) is None


def test_limits_are_given_by_name():
    assert parse_limits([]) == Limits()
    assert parse_limits(["body_mib=64", "workers=3"]).body_mib == 64
    for given, words in (
        ("body_mib", "is not of the form NAME=VALUE, as body_mib=64"),
        ("body=3", "unknown configuration key 'limit.body', expected one of body_mib"),
        ("workers=0", "limit.workers = '0': input should be greater than or equal to 1"),
        ("recording_seconds=601", "less than or equal to 600"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_limits([given])


def test_two_models_of_one_name_are_refused():
    served = Served("loud", EmotionRecognizer(LoudnessEngine()), ABOUT)
    with pytest.raises(
        ConfigError, match="two models are called 'loud'; name one of them by --model NAME=PATH"
    ):
        Models([served, served])


def test_models_are_loaded_by_name_and_path(graph_path, trained, tmp_path):
    models = Models.load([str(graph_path), f"mine={graph_path}", "emodb"])
    assert models.names() == ["model", "mine", "emodb"]
    assert models[None].name == "model"
    assert models["mine"].about["classes"] == ["anger", "neutral", "sadness"]
    assert Models.load([]).names() == ["emodb"]
    assert Models.load([str(shutil.copy(graph_path, tmp_path / "lr=0.01.onnx"))]).names() == ["lr=0.01"]
    with pytest.raises(ProblemError, match="expected one of emodb, mine, model"):
        models[str(graph_path)]


def test_a_mistake_of_ours_is_an_answer_and_the_next_request_is_served(wav, caplog):
    class Broken(LoudnessEngine):
        broken = True

        def probabilities(self, waveforms):
            if self.broken:
                raise RuntimeError("a secret")
            return super().probabilities(waveforms)

    engine = Broken()
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving(engine) as service:
        told = problem_of(service.client.post("/v1/predict", content=wav()), "internal", "tell its operator")
        engine.broken = False
        assert service.client.post("/v1/predict", content=wav()).status_code == 200
    (mistake,) = [record for record in caplog.records if record.event == "mistake"]
    assert mistake.values["request_id"] == told["request_id"]
    assert mistake.values["error"].startswith("RuntimeError at test_api:")
    assert "secret" not in caplog.text


def test_logs_are_json_without_anything_that_was_sent(wav, caplog):
    with caplog.at_level(logging.INFO, "magtfnet.service"), serving() as service:
        service.client.post(
            "/v1/predict?model=Secret",
            files={"file": ("Secret.wav", wav())},
            headers={"User-Agent": "Secret"},
        )
        service.client.post(
            "/v1/predict", files={"file": ("Secret.wav", wav())}, headers={"X-Request-ID": "call-1"}
        )
        service.client.get("/Secret")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [404, 200, 404]
    told = requests[1]
    assert set(told) == {
        *("time", "level", "event", "request_id", "method", "route", "status", "milliseconds", "bytes")
    }
    assert (told["request_id"], told["route"]) == ("call-1", "/v1/predict")
    assert "secret" not in json.dumps(lines).lower()


def test_every_kind_has_a_status_and_a_sentence():
    assert all(400 <= kind.status <= 503 and kind.title.endswith(".") for kind in KINDS.values())


def test_of_what_libraries_say_only_who_said_it_is_written():
    said = logging.LogRecord(
        "python_multipart.multipart", logging.WARNING, "a.py", 1, "saw %s", ("call.wav",), None
    )
    line = json.loads(JsonLines().format(said))
    assert (line["event"], line["level"]) == ("told by python_multipart.multipart", "warning")
    assert "call.wav" not in str(line)
    refused = logging.LogRecord(
        "uvicorn.error",
        logging.ERROR,
        "a.py",
        1,
        "ASGI callable returned without completing handshake.",
        (),
        None,
    )
    assert is_news(said)
    assert not is_news(refused)
