"""Charge windows: who is there when, and what they need.  List, add and see what it changes, except, import.

Saving goes to /api/windows; what is asked before saving is answered here, as markup.
"""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from litestar import MediaType, get, post
from litestar.params import JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from edge.model.role import Role
from edge.model.site import EVERY_DAY, Window
from edge.shell import words
from edge.shell.answers import DeskError, WindowConsequence, WindowPreview, WindowStatus
from edge.shell.windowfiles import read
from edge.shell.windows import WindowWish
from edge.web.api_windows import WindowsFile
from edge.web.forms import act, check, choice, field, labelled, needs, sending
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import number, t
from edge.web.who import who

Asked = Annotated[str, Parameter(max_length=80)]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/windows", media_type=MediaType.HTML, include_in_schema=False)
    async def windows(edit: Asked = "", charger: Asked = "", begin: Asked = "", ready: Asked = "") -> str:
        known = {w.id: w for w in desk.windows_as_set()}
        zone = ZoneInfo(desk.site.timezone)
        draft = _draft(known.get(edit), charger, _local(begin, zone), _local(ready, zone))
        return frame(
            house,
            "windows",
            h("h1", {}, t("frame.windows")),
            needs(Role.FLEET, "/windows"),
            _form(house, draft) if who().may(Role.FLEET) else None,
            section("windows.known", _list(desk.windows())),
            _import() if who().may(Role.FLEET) else None,
        )

    @post("/windows/preview", media_type=MediaType.HTML, include_in_schema=False, status_code=200)
    async def preview(data: JSONBody[WindowWish]) -> str:
        try:
            return _consequence(await desk.window_consequence(data), desk.site.currency)
        except DeskError as error:
            return notice(said(str(error)), "bad")

    @post("/windows/import", media_type=MediaType.HTML, include_in_schema=False, status_code=200)
    async def import_preview(data: JSONBody[WindowsFile]) -> str:
        try:
            entries = read(data.name or "file", data.text, desk.site.timezone)
            found = desk.window_import([(e.line, e.wish) for e in entries], who().signature, False)
        except DeskError as error:
            return notice(said(str(error)), "bad")
        return _previews(found)

    return [windows, preview, import_preview]


def _local(wall_ms: str, zone: ZoneInfo) -> str:
    """Return a time that was drawn (UTC ms) as HH:MM; "" for none."""
    if not wall_ms.isascii() or not wall_ms.isdigit() or len(wall_ms) > 14:
        return ""
    return words.clock(int(wall_ms), zone)


def _draft(window: Window | None, charger: str, begin: str, ready: str) -> dict[str, Any]:
    """Return what the form begins with: a window that is changed, or what was drawn on the page Day."""
    if window is None or window.source == "site":
        return {"charger": charger, "from_time": begin, "ready_by": ready}
    return {
        "id": window.id,
        "charger": window.charger or window.group,
        "vehicle": window.vehicle,
        "from_time": words.minutes(window.from_min),
        "ready_by": words.minutes(window.ready_by_min),
        "days": window.days,
        "need_kwh": "" if window.soc_pm else f"{window.need_wh / 1000:g}",
        "soc": f"{window.soc_pm / 10:g}" if window.soc_pm else "",
        "battery_kwh": f"{window.battery_wh / 1000:g}" if window.battery_wh else "",
        "arrive_kwh": f"{window.arrive_wh / 1000:g}" if window.arrive_wh else "",
        "priority": str(window.priority),
        "dates": ",".join(window.dates),
        "not_on": ",".join(window.not_on),
        "holidays": window.holidays,
        "must_leave": window.must_leave,
    }


def _form(house: House, draft: dict[str, Any]) -> Markup:
    key = "windows.change" if draft.get("id") else "windows.add"
    save = h("button", {"class": "main", "type": "submit", "data-save": "", "hidden": ""}, t("windows.save"))
    look = h(
        "button", {"class": "main", "type": "submit", "data-part": "/windows/preview"}, t("windows.look")
    )
    away = h("a", {"class": "button", "href": "/windows"}, t("windows.cancel")) if draft.get("id") else None
    return section(
        key,
        sending(
            "/api/windows",
            h("input", {"type": "hidden", "name": "id", "value": draft.get("id", "")}),
            h("div", {"class": "fields"}, _for_whom(house, draft), _when(draft)),
            _days(draft.get("days", EVERY_DAY)),
            _more(draft),
            h("div", {"id": "consequence", "role": "status"}),
            h("div", {"class": "row"}, look, save, away),
            then="/windows",
            **{"data-result": "consequence", "id": "window-form"},
        ),
    )


def _for_whom(house: House, draft: dict[str, Any]) -> list[Markup]:
    site = house.desk.site
    groups = sorted({group for charger in site.chargers for group in charger.groups})
    places = [(c.id, c.name or c.id) for c in site.chargers]
    places += [(group, t("windows.group", name=group)) for group in groups]
    return [
        choice(t("windows.charger"), "charger", places, draft.get("charger", "")),
        field(t("windows.vehicle"), "vehicle", value=draft.get("vehicle", ""), maxlength="60"),
    ]


def _when(draft: dict[str, Any]) -> list[Markup]:
    return [
        field(t("windows.from"), "from_time", "time", draft.get("from_time") or "18:00", required=""),
        field(t("windows.ready_by"), "ready_by", "time", draft.get("ready_by") or "06:00", required=""),
        _number(t("windows.need_kwh"), "need_kwh", draft, "0.1"),
    ]


def _number(label: str, name: str, draft: dict[str, Any], step: str) -> Markup:
    value = str(draft.get(name, ""))
    return field(label, name, "number", value, min_="0", step=step, inputmode="decimal")


def _days(chosen: Any) -> Markup:
    boxes = [check(t(f"days.{day}"), "days", day in chosen, value=day) for day in EVERY_DAY]
    return h("fieldset", {}, h("legend", {}, t("windows.days")), h("div", {"class": "row"}, boxes))


def _more(draft: dict[str, Any]) -> Markup:
    used = any(draft.get(k) for k in ("soc", "arrive_kwh", "dates", "not_on", "must_leave"))
    return h(
        "details",
        {"open": "" if used else None},
        h("summary", {}, t("windows.more")),
        h(
            "div",
            {"class": "fields"},
            _number(t("windows.soc"), "soc", draft, "1"),
            _number(t("windows.battery_kwh"), "battery_kwh", draft, "0.1"),
            _number(t("windows.arrives_with"), "arrives_with", draft, "1"),
            _number(t("windows.km"), "km", draft, "1"),
            _number(t("windows.kwh_per_km"), "kwh_per_km", draft, "0.001"),
            _number(t("windows.arrive_kwh"), "arrive_kwh", draft, "0.1"),
            field(t("windows.priority"), "priority", "number", str(draft.get("priority", "0")), min_="0",
                  max_="1000", data_whole=""),
            field(t("windows.dates"), "dates", value=draft.get("dates", ""), placeholder="2026-12-24"),
            field(t("windows.not_on"), "not_on", value=draft.get("not_on", ""), placeholder="2026-12-24"),
        ),
        h(
            "div",
            {"class": "row"},
            check(t("windows.holidays"), "holidays", draft.get("holidays", True)),
            check(t("windows.must_leave"), "must_leave", draft.get("must_leave", False)),
        ),
    )  # fmt: skip


def _consequence(c: WindowConsequence, currency: str) -> Markup:
    """Return what a window would change, for reading before it is saved."""
    kind = "warn" if c.note or c.missing_wh or c.others else "good"
    parts = [h("strong", {}, said(c.words)), h("br"), said(c.summary)]
    if c.note:
        parts += [h("br"), said(c.note)]
    if c.planned and c.peak_w != c.peak_before_w:
        before, after = said(words.kw(c.peak_before_w)), said(words.kw(c.peak_w))
        parts += [h("br"), t("windows.peak", before=before, after=after)]
    return h("p", {"class": f"notice {kind}", "data-may-save": ""}, parts)


# The list.


def _list(windows: list[WindowStatus]) -> Markup:
    if not windows:
        return h("p", {"class": "soft"}, t("windows.none"))
    return h("ul", {"class": "list"}, [h("li", {"id": f"window-{w.id}"}, _entry(w)) for w in windows])


def _entry(w: WindowStatus) -> Iterator[Child]:
    when = " ".join(w.dates) if w.dates else _day_words(w.days)
    who_for = f"{w.charger} · {w.vehicle}" if w.vehicle else w.charger
    need = t("windows.soc_of", soc=number(w.soc_pm / 10)) if w.soc_pm else said(words.kwh(w.need_wh))
    yield h("p", {"class": "entry-head"}, h("strong", {}, who_for), " ", _tags(w))
    yield h("p", {}, f"{when}, {w.from_time} – {w.ready_by}, {need}")
    if w.not_on or not w.holidays:
        days = [*w.not_on, *([] if w.holidays else [t("windows.no_holidays")])]
        yield h("p", {"class": "soft"}, t("windows.except", days=" ".join(days)))
    if w.note:
        yield notice(said(w.note), "warn")
    if who().may(Role.FLEET) and w.source != "site":
        address = f"/api/windows/{quote(w.id, safe='')}"
        change = h(
            "a", {"class": "button small", "href": f"/windows?edit={quote(w.id, safe='')}"}, t("windows.edit")
        )
        day = field(t("windows.except_day"), "dates", "date", required="", data_array="")
        yield h(
            "div",
            {"class": "row"},
            change,
            act(t("windows.remove"), address, "DELETE", sure=t("windows.sure", name=who_for)),
            h("details", {}, h("summary", {}, t("windows.except_add")),
              sending(f"{address}/exceptions", h("div", {"class": "row end"}, day,
                      h("button", {"class": "small", "type": "submit"}, t("windows.except_save"))))),
        )  # fmt: skip


def _tags(w: WindowStatus) -> Iterator[Child]:
    if w.source == "site":
        yield h("span", {"class": "tag"}, t("windows.in_site_file"))
    if w.priority:
        yield h("span", {"class": "tag"}, t("windows.priority_is", count=w.priority))
    if w.must_leave:
        yield h("span", {"class": "tag"}, t("windows.must_leave"))


def _day_words(days: list[str]) -> str:
    """Return weekdays shortly: daily, Mon–Fri, Sat Sun."""
    if len(days) == len(EVERY_DAY):
        return t("windows.daily")
    places = [EVERY_DAY.index(day) for day in EVERY_DAY if day in days]
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{t(f'days.{EVERY_DAY[places[0]]}')}–{t(f'days.{EVERY_DAY[places[-1]]}')}"
    return " ".join(t(f"days.{EVERY_DAY[n]}") for n in places)


# Import.


def _import() -> Markup:
    file = h("input", {"type": "file", "id": "import-file", "accept": ".csv,.ics,text/csv,text/calendar"})
    result = h("div", {"id": "import-result", "role": "status"})
    return section(
        "windows.import",
        h("p", {"class": "soft"}, t("windows.import_how")),
        h("div", {"class": "form"}, labelled(t("windows.file"), file), result),
        h("p", {}, h("button", {"class": "main", "id": "import-apply", "type": "button", "hidden": ""},
                     t("windows.import_apply"))),
    )  # fmt: skip


def _previews(found: list[WindowPreview]) -> Markup:
    refused = sum(1 for each in found if each.error)
    rows: list[list[Child]] = [
        [str(p.line), h("strong", {}, t(f"windows.is_{p.what}")), said(p.words), said(p.error or p.note)]
        for p in found
    ]
    heads = [t("windows.line"), t("windows.what"), t("windows.window"), t("windows.note")]
    told = t("windows.refused", count=refused) if refused else t("windows.all_good", count=len(found))
    return h(
        "div",
        {"class": "form", **({} if refused else {"data-may-save": ""})},
        notice(told, "bad" if refused else "good"),
        table(t("windows.preview"), heads, rows, figures={0}),
    )
