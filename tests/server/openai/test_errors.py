"""Failures in the API's shape, and whether the `openai` package asks again."""

import json

import httpx2
import openai
import pytest

from earlet.server.failures import (
    BadRequest,
    Damaged,
    DeadlinePassed,
    Draining,
    Failure,
    Forbidden,
    Internal,
    NotFound,
    Overloaded,
    Refused,
    TooLarge,
    TooSlow,
    Unauthorized,
    UnsupportedKind,
    WorkerLost,
)
from earlet.server.openai.errors import error_event, error_response

WRONG = "invalid_request_error"


@pytest.mark.parametrize(
    ("failure", "kind", "code", "again"),
    [
        (BadRequest("m", field="f"), WRONG, None, False),
        (Unauthorized("m"), WRONG, "invalid_api_key", False),
        (Forbidden("m"), WRONG, "forbidden", False),
        (NotFound("m", field="model"), WRONG, "model_not_found", False),
        (NotFound("m"), WRONG, "unknown_url", False),
        (TooSlow("m"), WRONG, "too_slow", True),
        (TooLarge("m"), WRONG, "too_large", False),
        (UnsupportedKind("m"), WRONG, "unsupported_kind", False),
        (Damaged("m"), WRONG, "damaged", False),
        (Overloaded("m"), "requests", "rate_limit_exceeded", True),
        (Internal(), "server_error", "internal", False),
        (Refused("BackendError", "m"), "server_error", "internal", False),
        (WorkerLost("m"), "server_error", "worker_lost", True),
        (Draining(), "server_error", "draining", True),
        (DeadlinePassed("m"), "server_error", "deadline_passed", False),
    ],
)
def test_the_package_is_told_what_went_wrong_and_whether_to_ask_again(
    failure: Failure, kind: str, code: str | None, again: bool
) -> None:
    response = error_response(failure)
    assert response.status_code == failure.status
    told = json.loads(bytes(response.body))
    assert told == {
        "error": {"message": failure.message, "type": kind, "param": failure.field, "code": code}
    }
    assert error_event(failure) == b"event: error\ndata: " + json.dumps(told).encode() + b"\n\n"
    seen = httpx2.Response(failure.status, headers=dict(response.headers))
    with openai.OpenAI(base_url="http://localhost", api_key="none") as client:
        assert client._should_retry(seen) is again
