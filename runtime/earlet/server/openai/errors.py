"""Failures as this API tells them, and whether its clients try again.

The `openai` packages ask again, twice by default, after 408, 409, 429 and 5xx (`_should_retry` of
their `_base_client.py`), unless `x-should-retry` says otherwise.
"""

from starlette.responses import JSONResponse, Response

from earlet.server import sse
from earlet.server.body import JsonValue
from earlet.server.failures import (
    Failure,
    NotFound,
    Overloaded,
    Unauthorized,
    WorkerLost,
)

RETRY_HEADER = "x-should-retry"


def error_body(failure: Failure) -> dict[str, JsonValue]:
    """`{"error": {"message", "type", "param", "code"}}`."""
    kind, code = _kind(failure)
    return {
        "error": {
            "message": failure.message,
            "type": kind,
            "param": failure.field,
            "code": code,
        }
    }


def error_response(failure: Failure) -> Response:
    """The answer to a request that fails."""
    headers = dict(failure.headers)
    if not _is_worth_a_retry(failure):
        headers[RETRY_HEADER] = "false"
    return JSONResponse(error_body(failure), failure.status, headers)


def error_event(failure: Failure) -> bytes:
    """What ends a stream of events that fails."""
    return sse.event(error_body(failure), "error")


def _kind(failure: Failure) -> tuple[str, str | None]:
    """Type and code, in the API's words where it has some."""
    match failure:
        case Unauthorized():
            return "invalid_request_error", "invalid_api_key"
        case NotFound():
            return "invalid_request_error", (
                "model_not_found" if failure.field == "model" else "unknown_url"
            )
        case Overloaded():
            return "requests", "rate_limit_exceeded"
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    return kind, None if failure.status == 400 else failure.kind.replace("-", "_")


def _is_worth_a_retry(failure: Failure) -> bool:
    """What fails the same way each time would only be computed three times."""
    return isinstance(failure, WorkerLost) or failure.status not in (500, 504)
