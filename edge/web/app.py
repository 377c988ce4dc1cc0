"""The local page and the HTTP API, read-only, as a Litestar application over the desk.

    /                       the page
    /day                    its price and event picture, fetched again when it has changed
    /static/{name}          its style, script and icon, with ETag
    /api/status             the depot now
    /api/why/{charger}      why a charger gets what it gets, now or at a time
    /events/{id}            what was done about an event, with its plot
    /api/windows, /events   charge windows; the utility's events
    /api/events/{id}/report what was done about an event, as JSON
    /api/stream             server-sent events: what changed on the page
    /metrics                the depot now, as OpenMetrics
    /schema/openapi.json    all of the API, as OpenAPI 3.1

Nothing here writes, so nothing here asks who is there; who may reach it is a matter of the address it is
served at (127.0.0.1 unless told otherwise).
"""

import base64
import hashlib
import logging
import mimetypes
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, Parameter
from litestar.response import Stream

from edge.report import performancepage
from edge.report.performance import EventReport
from edge.shell.answers import (
    DeskError,
    EventStatus,
    NothingRecordedError,
    NotYetError,
    Status,
    UnknownError,
    Why,
    WindowStatus,
)
from edge.shell.desk import Desk
from edge.web.day import day
from edge.web.live import Live
from edge.web.metrics import CONTENT_TYPE, metrics
from edge.web.page import page, starting

log = logging.getLogger(__name__)

ASSETS = ("page.css", "page.js", "icon.svg")

READERS_MAX = 100

# 9999-12-31: the last day that a calendar here can name.
WALL_MS_MAX = 253_402_214_400_000

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# The page of an event is one file with its style in it: that one alone is allowed.
PAGE_STYLE = base64.b64encode(hashlib.sha256(performancepage.STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"{POLICY}; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Problem(msgspec.Struct, frozen=True):
    """What was wrong with a request, and what was expected."""

    error: str


class Asset(msgspec.Struct, frozen=True):
    """A file of the page.  address: changes with its content, so that it may be kept for ever."""

    content: bytes
    media_type: str
    tag: str
    address: str


def assets() -> dict[str, Asset]:
    """Return the page's files by name."""
    found = {}
    for name in ASSETS:
        content = (files("edge.web") / "static" / name).read_bytes()
        tag = hashlib.sha256(content).hexdigest()[:16]
        media_type = mimetypes.guess_type(name)[0] or "text/plain"
        found[name] = Asset(content, media_type, f'"{tag}"', f"/static/{name}?v={tag}")
    return found


def build_of(desk: Desk, kept: dict[str, Asset]) -> str:
    """Return what changes when the page's shape does: another site drawing, another release."""
    shape = hashlib.sha256(msgspec.json.encode([desk.site, sorted(a.tag for a in kept.values())]))
    return shape.hexdigest()[:12]


def app(desk: Desk) -> Litestar:
    """Return the application over a desk."""
    kept = assets()
    addresses = {name: asset.address for name, asset in kept.items()}
    build = build_of(desk, kept)
    live = Live(desk, build)

    @get("/", media_type=MediaType.HTML, include_in_schema=False)
    async def index() -> str:
        try:
            status = desk.status()
        except NotYetError:
            return starting(desk.site.name or desk.site.id, addresses)
        return page(status, live.fields(status), addresses, build)

    @get("/day", media_type=MediaType.HTML, include_in_schema=False)
    async def day_picture() -> str:
        return day(desk.status())

    @get("/static/{name:str}", include_in_schema=False)
    async def static(name: FromPath[str], request: Request) -> Response[bytes]:  # type: ignore[type-arg]
        asset = kept.get(name)
        if asset is None:
            raise UnknownError(f"there is no file {name!r} here")
        lasting = request.query_params.get("v") == asset.tag.strip('"')
        keep = {"ETag": asset.tag, "Cache-Control": "max-age=31536000, immutable" if lasting else "no-cache"}
        known = [
            tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
        ]
        if asset.tag in known or known == ["*"]:
            return Response(b"", status_code=304, headers=keep, media_type=asset.media_type)
        return Response(asset.content, headers=keep, media_type=asset.media_type)

    @get("/api/status", operation_id="status", tags=["depot"])
    async def status() -> Status:
        """The depot now: nodes, chargers, prices, events."""
        return desk.status()

    @get("/api/why/{charger:str}", operation_id="why", tags=["depot"])
    async def why(
        charger: FromPath[str],
        at_wall_ms: Annotated[
            int | None,
            Parameter(ge=0, le=WALL_MS_MAX, description="UTC, ms since 1970; now where it is left out"),
        ] = None,
    ) -> Why:
        """Why a charger gets, or got, what it gets."""
        return desk.why(charger, at_wall_ms)

    @get("/api/windows", operation_id="windows", tags=["depot"])
    async def windows() -> list[WindowStatus]:
        """All charge windows."""
        return desk.windows()

    @get("/api/events", operation_id="events", tags=["depot"])
    async def events() -> list[EventStatus]:
        """The utility's events."""
        return desk.events()

    ports = {charger.id: charger.port or charger.id for charger in desk.site.chargers}

    @get("/metrics", media_type=MediaType.TEXT, include_in_schema=False)
    async def open_metrics() -> Response[bytes]:
        return Response(metrics(desk.status(), ports).encode(), media_type=CONTENT_TYPE)

    @get("/api/events/{event_id:str}/report", operation_id="event_report", tags=["depot"])
    async def event_report(event_id: FromPath[str]) -> EventReport:
        """What was done about an event: limits, measured, complied, shed, and who was held back."""
        return await desk.event_report(event_id)

    @get("/events/{event_id:str}", media_type=MediaType.HTML, include_in_schema=False)
    async def event_page(event_id: FromPath[str]) -> Response[str]:
        text = performancepage.page(await desk.event_report(event_id), ZoneInfo(desk.site.timezone))
        headers = {"Content-Security-Policy": f"{POLICY}; style-src 'sha256-{PAGE_STYLE}'"}
        return Response(text, headers=headers, media_type=MediaType.HTML)

    @get("/api/stream", operation_id="stream", tags=["page"], media_type="text/event-stream")
    async def stream() -> Stream:
        """What changes on the page, as server-sent events, once a second."""
        if live.readers >= READERS_MAX:
            raise NotYetError(f"{READERS_MAX} pages are open already; close one")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        messages: AsyncIterator[bytes] = live.messages()
        return Stream(messages, media_type="text/event-stream", headers=headers)

    return Litestar(
        [
            index,
            day_picture,
            static,
            status,
            why,
            windows,
            events,
            open_metrics,
            stream,
            event_report,
            event_page,
        ],
        openapi_config=OpenAPIConfig(
            title="depot-edge, local API",
            version="1",
            description="Read-only. Currents in mA, powers in W, energies in Wh; wall times in ms, UTC.",
            path="/schema",
            render_plugins=[JsonRenderPlugin()],
        ),
        compression_config=CompressionConfig(backend="gzip", minimum_size=1024, exclude=["/api/stream"]),
        exception_handlers={DeskError: _desk_error, HTTPException: _http_error, Exception: _our_error},
        after_request=_with_headers,
        logging_config=None,  # logging is the daemon's
        state=State({"desk": desk}),
    )


def _with_headers(response: Response[object]) -> Response[object]:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _problem(error: str, status_code: int) -> Response[Problem]:
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(Problem(error), status_code=status_code, media_type=MediaType.JSON, headers=headers)


def _desk_error(_: Request, error: DeskError) -> Response[Problem]:  # type: ignore[type-arg]
    code = (
        404
        if isinstance(error, UnknownError | NothingRecordedError)
        else 503
        if isinstance(error, NotYetError)
        else 400
    )
    return _problem(str(error), code)


def _http_error(_: Request, error: HTTPException) -> Response[Problem]:  # type: ignore[type-arg]
    detail = f"{error.detail}: {error.extra}" if error.extra else error.detail
    return _problem(detail, error.status_code)


def _our_error(request: Request, error: Exception) -> Response[Problem]:  # type: ignore[type-arg]
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem("the daemon could not answer; its log says why", 500)
