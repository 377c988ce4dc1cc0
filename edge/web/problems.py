"""Everything that can go wrong with a request, as problem+json (RFC 9457).

`detail` names the field and what was expected; `error` says the same under the name it had first.
"""

import logging

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from edge.shell.answers import DeskError, NothingRecordedError, NotYetError, UnknownError
from edge.shell.reception import NotAllowedError, NotSignedInError, TooManyTriesError
from edge.web.headers import HEADERS

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

TITLES = {
    303: "See there",
    400: "The request is wrong",
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "There is no such thing",
    405: "Not possible here",
    409: "Not possible now",
    413: "Too large",
    415: "Another kind of content is expected",
    429: "Too many tries",
    500: "Our mistake",
    503: "Not yet",
}

STATUS = {
    UnknownError: 404,
    NothingRecordedError: 404,
    NotYetError: 503,
    NotSignedInError: 401,
    NotAllowedError: 403,
    TooManyTriesError: 429,
}


class Problem(msgspec.Struct, frozen=True):
    """What was wrong with a request, and what was expected."""

    title: str
    status: int
    detail: str
    error: str


class RefusedError(Exception):
    """A request that is answered with no.  status: as HTTP has it; more: headers of the answer."""

    def __init__(self, status: int, detail: str, more: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more or {}


def problem(detail: str, status: int, more: dict[str, str] | None = None) -> Response[Problem]:
    """Return an answer that says what was wrong."""
    body = Problem(TITLES.get(status, "The request is wrong"), status, detail, detail)
    # Answers to exceptions do not pass through the application's after_request.
    headers = {**HEADERS, "Cache-Control": "no-store", **(more or {})}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _desk_error(_: Request, error: DeskError) -> Response[Problem]:  # type: ignore[type-arg]
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
    more = {"Retry-After": str(error.wait_s)} if isinstance(error, TooManyTriesError) else {}
    return problem(str(error), status, more)


def _refused(_: Request, error: RefusedError) -> Response[Problem]:  # type: ignore[type-arg]
    return problem(str(error), error.status, error.more)


def _http_error(_: Request, error: HTTPException) -> Response[Problem]:  # type: ignore[type-arg]
    detail = f"{error.detail}: {error.extra}" if error.extra else error.detail
    allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return problem(detail, error.status_code, allowed)


def _our_error(request: Request, error: Exception) -> Response[Problem]:  # type: ignore[type-arg]
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem("the daemon could not answer; its log says why", 500)


HANDLERS = {
    DeskError: _desk_error,
    RefusedError: _refused,
    HTTPException: _http_error,
    Exception: _our_error,
}
