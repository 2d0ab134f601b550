"""The description of the interface is true: Schemathesis asks what it describes, and holds the answers to it."""

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from running_service import make_state
from schemathesis.checks import CHECKS

from magtfnet.service.app import create_app
from magtfnet.service.limits import Limits
from magtfnet.service.problems import KINDS
from magtfnet.service.stream import StreamParameters
from magtfnet.service.tokens import Token

STATE = make_state()
schema = schemathesis.openapi.from_asgi("/v1/openapi.json", create_app(STATE))
HELD = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "unsupported_method",
    )
]


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case):
    case.call_and_validate(checks=HELD)


def test_a_token_is_described_where_there_is_one():
    state = make_state()
    state.token = Token("a-secret-of-some-length-0123456789")
    described = create_app(state).openapi()
    assert [kind["scheme"] for kind in described["components"]["securitySchemes"].values()] == ["bearer"]
    wanted = {path: "security" in next(iter(kinds.values())) for path, kinds in described["paths"].items()}
    assert wanted.pop("/healthz") is wanted.pop("/readyz") is False
    assert all(wanted.values())
    assert "securitySchemes" not in create_app(STATE).openapi().get("components", {})


def rows_of(heading):
    """Return the rows of the table under a heading of the page of the docs, without its own heading."""
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    lines = page.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][
        2:
    ]


def test_the_table_of_limits_is_the_codes():
    fields = Limits.model_fields
    assert rows_of("Limits") == [
        [f"`{name}`", "processors" if field.default_factory else f"{field.default:g}", field.description]
        for name, field in fields.items()
    ]


def test_the_table_of_problems_is_the_codes():
    assert rows_of("Problems") == [
        [str(kind.status), f"`{name}`", kind.title] for name, kind in KINDS.items()
    ]


def test_every_address_is_on_the_page_of_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    for path, methods in schema.raw_schema["paths"].items():
        for method, told in methods.items():
            assert f"`{method.upper()} {path}" in page
            line = next(line for line in page.splitlines() if f"`{method.upper()} {path}" in line)
            for parameter in told.get("parameters", ()):
                assert f"{parameter['name']}=" in line
    stream = next(line for line in page.splitlines() if line.startswith("`WS /v1/stream"))
    for name in StreamParameters.model_fields:
        assert f"{name}=" in stream


def test_every_address_is_described():
    described = schema.raw_schema["paths"]
    assert set(described) == {"/v1/predict", "/v1/timeline", "/v1/models", "/healthz", "/readyz", "/metrics"}
