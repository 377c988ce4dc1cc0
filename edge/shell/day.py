"""A day as a picture needs it: what was, from the store; what is planned, from the latest plan.

    await day(desk, "2026-11-20")        "" is today; today reaches until tomorrow at the same time

Nothing is planned or decided here.  Wall times are UTC ms.
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import date as Date
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge.core import forecast as forecasts
from edge.core.grid import highest_voltage_mv
from edge.core.windows import stays
from edge.model.dayplan import DayPlan, Prospect, Row, Stayer
from edge.model.records import LoadBlock, Session
from edge.model.site import Site, Window
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS
from edge.shell.answers import (
    ChargerStatus,
    DayForecast,
    DayLoad,
    DayStatus,
    DayStretch,
    DayVehicle,
    DeskError,
    NothingRecordedError,
)
from edge.shell.archive import DayRecords

if TYPE_CHECKING:
    from edge.shell.desk import Desk

# A plan of longer ago is shown no more.
FRESH_MS = 30 * MINUTE_MS


async def day(desk: "Desk", date: str) -> DayStatus:
    """Return a day.  Raises DeskError for a date that is none."""
    status, zone = desk.status(), ZoneInfo(desk.site.timezone)
    now_ms = status.wall_ms
    wanted = _date(date) if date else datetime.fromtimestamp(now_ms / 1000, zone).date()
    from_ms, end_ms = _midnight(wanted, zone), _midnight(wanted + timedelta(days=1), zone)
    today = from_ms <= now_ms < end_ms
    to_ms = max(end_ms, now_ms + DAY_MS) if today else end_ms
    found = await _recorded(desk, from_ms, min(to_ms, now_ms + 1)) if from_ms <= now_ms else None
    sessions = found.sessions if found else []
    plan, prospect = (desk.ahead.plan, desk.ahead.prospect) if today else (None, None)
    if plan is not None and now_ms - plan.from_wall_ms > FRESH_MS:
        plan = None
    there = {c.id: c for c in status.chargers} if today else {}
    vehicles = [*_were(sessions), *_are(there, plan, prospect)]
    if to_ms > now_ms:
        vehicles += _come(desk.windows_as_set(), desk.site, max(from_ms, now_ms), to_ms)
    return DayStatus(
        date=wanted.isoformat(),
        timezone=desk.site.timezone,
        currency=desk.site.currency,
        from_wall_ms=from_ms,
        to_wall_ms=to_ms,
        now_wall_ms=now_ms,
        load=[_load(block) for block in (found.load if found else [])],
        vehicles=vehicles,
        prices=[p for p in status.prices if p.from_wall_ms < to_ms and p.to_wall_ms > from_ms],
        events=[
            e for e in status.events
            if e.from_wall_ms < to_ms and (e.to_wall_ms is None or e.to_wall_ms > from_ms)
        ],
        forecast=_forecast(desk.site, plan, prospect) if plan and prospect else None,
    )  # fmt: skip


async def _recorded(desk: "Desk", from_ms: int, to_ms: int) -> DayRecords | None:
    """Return what the store has of a time; None while nothing is on disk: the plan is shown all the same."""
    try:
        return await desk.archive.between(from_ms, to_ms)
    except NothingRecordedError:
        return None


def _date(text: str) -> Date:
    try:
        found = Date.fromisoformat(text)
    except ValueError:
        raise DeskError(f"date: {text[:20]!r}: expected a day such as 2026-11-20") from None
    if not 2000 <= found.year <= 2100:
        raise DeskError(f"date: {text}: expected a day of 2000 to 2100")
    return found


def _midnight(day_: Date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day_, time(), zone).timestamp() * 1000)


def _load(block: LoadBlock) -> DayLoad:
    """Return a quarter of an hour as means over what was measured of it."""
    measured_ms = block.measured_ms or QUARTER_MS
    import_w, charging_w = (
        energy_wh * HOUR_MS // measured_ms for energy_wh in (block.import_wh, block.charging_wh)
    )
    return DayLoad(block.start_wall_ms, import_w, charging_w)


def _were(sessions: Iterable[Session]) -> Iterator[DayVehicle]:
    for s in sessions:
        if s.end_wall_ms is not None:
            yield DayVehicle(s.charger, s.vehicle, "was", s.start_wall_ms, s.end_wall_ms, s.energy_wh)


def _are(
    there: dict[str, ChargerStatus], plan: DayPlan | None, prospect: Prospect | None
) -> Iterator[DayVehicle]:
    """Yield who is there now, with what the plan has for them."""
    rows = {row.charger: row for row in plan.rows} if plan else {}
    stayers = {s.charger: s for s in prospect.stayers} if prospect else {}
    for c in there.values():
        if c.session_since_wall_ms is None or c.kind == "free":
            continue
        row = rows.get(c.id)
        planned = list(_stretches(plan, row, stayers.get(c.id))) if plan and row else []
        yield DayVehicle(
            charger=c.id,
            vehicle=c.vehicle,
            kind="is",
            from_wall_ms=c.session_since_wall_ms,
            to_wall_ms=None,
            energy_wh=c.session_wh or 0,
            ready_by_wall_ms=c.ready_by_wall_ms,
            need_wh=c.need_wh,
            missing_wh=row.unmet_wh if row else c.short_wh,
            planned=planned,
        )


def _stretches(plan: DayPlan, row: Row, stayer: Stayer | None) -> Iterator[DayStretch]:
    w_per_a = stayer.takes_w * 1000 / stayer.max_ma if stayer and stayer.max_ma else 0.0
    for s in row.stretches:
        if s.current_ma:
            begin, end = (plan.from_wall_ms + slot * plan.slot_ms for slot in (s.from_slot, s.to_slot))
            yield DayStretch(begin, end, s.current_ma, round(s.current_ma * w_per_a / 1000))


def _come(windows: Iterable[Window], site: Site, from_ms: int, to_ms: int) -> Iterator[DayVehicle]:
    """Yield who is to come by a window."""
    for window in windows:
        for stay in stays(window, from_ms, to_ms, site.timezone):
            yield DayVehicle(
                window.charger or window.group,
                window.vehicle,
                "comes",
                stay.from_wall_ms,
                None,
                0,
                stay.ready_by_wall_ms,
                window.need_wh,
            )


def _forecast(site: Site, plan: DayPlan, prospect: Prospect) -> DayForecast:
    root = site.nodes[0]
    slots = plan.slots
    quarters = forecasts.quarters(plan.from_wall_ms, plan.slot_ms, slots, site.timezone)
    profile = prospect.other.get(root.id)
    most = (*root.other_max_ma, sum(root.other_max_ma) * highest_voltage_mv(site) // 1_000_000)
    base = [four[3] for four in forecasts.ahead(profile, most, plan.slot_ms, quarters)] if profile else None
    planned_w = [0] * slots
    stayers = {s.charger: s for s in prospect.stayers}
    for row in plan.rows:
        for stretch in _stretches(plan, row, stayers.get(row.charger)):
            first = (stretch.from_wall_ms - plan.from_wall_ms) // plan.slot_ms
            last = (stretch.to_wall_ms - plan.from_wall_ms) // plan.slot_ms
            for slot in range(first, min(last, slots)):
                planned_w[slot] += stretch.power_w
    installed_w = sum(root.limit_ma) * site.voltage_v // 1000
    installed_w = min(installed_w, root.limit_w) if root.limit_w is not None else installed_w
    limit_w = [installed_w] * slots
    for ceiling in prospect.ceilings:
        if ceiling.node != root.id or ceiling.limit_w is None or ceiling.charging:
            continue
        for slot in range(slots):
            begin = plan.from_wall_ms + slot * plan.slot_ms
            holds = ceiling.from_wall_ms < begin + plan.slot_ms
            if holds and (ceiling.to_wall_ms is None or ceiling.to_wall_ms > begin):
                limit_w[slot] = min(limit_w[slot], ceiling.limit_w)
    unknown: list[int | None] = list(itertools.repeat(None, slots))
    return DayForecast(plan.from_wall_ms, plan.slot_ms, list(base) if base else unknown, planned_w, limit_w)
