"""``magtfnet serve``: what it cannot begin with is one line and exit code 2."""

import socket
import sys

import pytest


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv("MAGTFNET_TOKEN", raising=False)


@pytest.fixture
def never_serving(monkeypatch):
    """Everything up to serving, which is only noted."""
    begun = []
    monkeypatch.setattr("magtfnet.service.server.serve", lambda *arguments: begun.append(arguments))
    monkeypatch.setattr("magtfnet.service.logs.write_to_stderr", lambda: None)
    return begun


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nothing"], "unknown model 'nothing', expected one of emodb"),
        (["--model", "none.onnx"], "none.onnx: No such file or directory; name an exported .onnx file"),
        (
            ["--model", "emodb", "--model", "emodb"],
            "two models are called 'emodb'; name one of them by --model NAME=",
        ),
        (["--port", "65536"], "Invalid value for '--port'"),
        (["--host", "no.such.host.invalid"], "cannot listen at no.such.host.invalid:8000"),
        (
            ["--host", "203.0.113.7"],
            "cannot listen at 203.0.113.7:8000 (Cannot assign requested address); choose",
        ),
        (["--token-file", "none"], "none: No such file or directory; name a file that holds the token"),
        (["--limit", "size=3"], "unknown configuration key 'limit.size', expected one of body_mib"),
        (["--limit", "workers"], "--limit 'workers' is not of the form NAME=VALUE"),
    ],
)
def test_what_it_cannot_begin_with_is_one_line(cli, never_serving, arguments, words):
    done = cli("serve", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1, done.err
    assert words in done.err
    assert never_serving == []


def test_a_port_that_is_taken_is_named(cli, never_serving):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("serve", "--port", port)
    assert done.code == 2
    assert done.err == (
        f"magtfnet: cannot listen at 127.0.0.1:{port} (Address already in use); choose another --port or --host\n"
    )


def test_beyond_this_machine_without_a_token_is_warned_of(cli, never_serving, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef\n")
    done = cli("serve", "--host", "0.0.0.0", "--port", 0, "--no-page")
    assert done.code == 0
    assert done.err == "magtfnet: everyone who reaches 0.0.0.0 can use this service; give it a --token-file\n"
    for quiet in (["--host", "0.0.0.0", "--token-file", tmp_path / "token"], ["--host", "127.0.0.1"], []):
        assert cli("serve", "--port", 0, "--no-page", *quiet).err == ""
    assert len(never_serving) == 4
    assert [state.token is None for _, state, _ in never_serving] == [True, False, True, True]


def test_the_extra_that_is_missing_is_named(cli, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("magtfnet.service")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = cli("serve")
    assert done.code == 2
    assert (
        done.err == "magtfnet: this needs 'fastapi', which is not installed: pip install 'magtfnet[serve]'\n"
    )
