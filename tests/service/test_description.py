"""The description of the interface is true: Schemathesis asks what it describes, and holds the answers to it."""

import schemathesis
from hypothesis import HealthCheck, settings
from running_service import make_state
from schemathesis.checks import CHECKS

from magtfnet.service.app import create_app

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


def test_every_address_is_described():
    described = schema.raw_schema["paths"]
    assert set(described) == {"/v1/predict", "/v1/timeline", "/v1/models", "/healthz", "/readyz", "/metrics"}
