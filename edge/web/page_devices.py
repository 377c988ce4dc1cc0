"""Devices: how every line and every device on it does, what to look at, and the frames on a line."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

from litestar import MediaType, get, post
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from edge.model.role import Role
from edge.report.health import Finding
from edge.shell import words
from edge.shell.answers import DeskError, DeviceStatus, LineStatus, Trace
from edge.web.forms import needs
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import number, t
from edge.web.who import who

TRACE_S = 3

# A line that loses more than this is looked at: as `depot health` has it (report/health.py).
SOUND_PERCENT = 1

STATES = {"found": "●", "lost": "✕", "looked for": "◔"}


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/devices", media_type=MediaType.HTML, include_in_schema=False)
    async def devices() -> str:
        lines = desk.lines.status()
        try:
            findings = _findings(await desk.archive.look_at())
        except DeskError as error:
            findings = notice(said(str(error)), "note")
        shown = [_line(line) for line in lines] or h("p", {"class": "soft"}, t("devices.none"))
        return frame(
            house,
            "devices",
            h("h1", {}, t("frame.devices")),
            section("devices.look_at", findings),
            section("devices.lines", h("div", {"class": "form"}, shown)),
            needs(Role.ELECTRICIAN, "/devices"),
        )

    @post("/devices/trace", media_type=MediaType.HTML, include_in_schema=False, status_code=200)
    async def trace(device: Annotated[str, Parameter(max_length=200)] = "") -> str:
        try:
            return _trace(await desk.lines.trace(device, TRACE_S))
        except DeskError as error:
            return notice(said(str(error)), "bad")

    return [devices, trace]


def _findings(found: list[Finding]) -> Markup:
    if not found:
        return h("p", {"class": "notice good"}, t("devices.all_well"))
    entries = [
        h(
            "li",
            {},
            h("p", {}, h("strong", {}, f.device), " ", said(f.what)),
            h("p", {"class": "soft"}, f.look_at),
        )
        for f in found
    ]
    return h("ul", {"class": "list"}, entries)


def _line(line: LineStatus) -> Markup:
    state = t("devices.connected") if line.connected else t("devices.not_connected")
    return h(
        "div",
        {},
        h("h3", {"class": "group"}, f"{line.name} ", h("span", {"class": "tag"}, state)),
        h("ul", {"class": "list devices"}, [h("li", {}, list(_device(d))) for d in line.devices]),
    )


def _device(d: DeviceStatus) -> Iterator[Child]:
    state = {"found": "found", "lost": "lost"}.get(d.state, "looked_for")
    since = f" {words.ago(d.since_ms)}" if d.since_ms is not None else ""
    yield h(
        "p",
        {"class": "entry-head"},
        h("strong", {}, d.id),
        " ",
        h("span", {"class": f"device-state {state}"}, f"{STATES[d.state]} {t(f'devices.{state}')}{since}"),
        " ",
        h("span", {"class": "soft"}, f"{d.driver} · {t('devices.unit', number=d.unit)}"),
    )
    if d.why:
        yield notice(said(d.why), "bad")
    lost = d.timeouts + d.errors
    share = 100 * lost / max(1, d.requests)
    quality = t(
        "devices.quality",
        requests=number(d.requests),
        lost=number(lost),
        percent=number(share, 2),
        ms=d.answer_ms,
    )
    kind = "warn" if share > SOUND_PERCENT else "soft"
    named = " · ".join(f"{key} {value}" for key, value in sorted(d.identity.items()))
    yield h("p", {"class": kind}, quality)
    yield h("p", {"class": "soft"}, named) if named else None
    if who().may(Role.ELECTRICIAN):
        place = f"trace-{d.id}"
        address = f"/devices/trace?device={quote(d.id, safe='')}"
        yield h(
            "details",
            {},
            h("summary", {}, t("devices.trace"), h("span", {"class": "unseen"}, f" {d.id}")),
            h(
                "button",
                {
                    "type": "button",
                    "class": "small",
                    "data-fetch": address,
                    "data-by": "POST",
                    "data-into": place,
                },
                t("devices.trace_now", seconds=TRACE_S),
            ),
            h("div", {"id": place, "role": "status"}),
        )


def _trace(found: Trace) -> Markup:
    if not found.frames:
        return notice(t("devices.no_frames"), "warn")
    rows: list[list[Child]] = [
        [f"{f.after_ms}", "→" if f.direction == "out" else "←", h("code", {}, f.hex), f.words]
        for f in found.frames
    ]
    heads = [t("devices.after"), t("devices.direction"), t("devices.bytes"), t("devices.words")]
    return table(t("devices.frames", line=found.line), heads, rows, {0})
