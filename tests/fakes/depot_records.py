"""A depot that exists only as tick records: deterministic, for faces and their tests.

The story: panel-a L2 is full from the start, a vehicle waits for a lower price, one bay does not answer; at
second EVENT_S the utility's event begins to limit the site, at EVENT_END_S it ends.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge.model.exclusion import Exclusion
from edge.model.records import ChargerNow, Decision, EventNow, Kept, NodeNow, PriceNow, TickRecord
from edge.model.site import Address, Charger, Meter, Node, Site, Window
from edge.model.units import HOUR_MS, Triple

ZONE = ZoneInfo("America/Los_Angeles")
START_WALL_MS = int(datetime(2026, 11, 20, 14, 3, 12, tzinfo=ZONE).timestamp() * 1000)
MIDNIGHT_MS = int(datetime(2026, 11, 20, tzinfo=ZONE).timestamp() * 1000)
READY_MS = int(datetime(2026, 11, 21, 6, 0, tzinfo=ZONE).timestamp() * 1000)
EVENT_S, EVENT_END_S = 20, 50

PEAK, OFF_PEAK, SUPER_OFF_PEAK = 415_220, 201_990, 178_720


def site(bays: int = 6) -> Site:
    """Return a site of one grid connection and panels of ten bays (three on a small site)."""
    per_panel = 3 if bays <= 6 else 10
    panels = [f"panel-{chr(ord('a') + n)}" for n in range(-(-bays // per_panel))]
    chargers = tuple(
        Charger(
            id=f"bay-{n + 1}",
            node=panels[n // per_panel],
            driver="alfen_eve",
            at=Address(1, tcp=f"10.0.0.{n + 10}:502"),
            phases=(n % 3,) if n % 4 == 1 else (0, 1, 2),
            name=f"Bay {n + 1}",
            port=f"P{n + 1}",
        )
        for n in range(bays)
    )
    limit_ma = 63_000 if bays <= 6 else 160_000
    return Site(
        id="demo",
        name="Harbour Street depot",
        timezone="America/Los_Angeles",
        nodes=(
            Node("main", None, (160_000,) * 3 if bays <= 6 else (630_000,) * 3, meter="m-main"),
            *(Node(p, "main", (limit_ma,) * 3, meter=f"m-{p}") for p in panels),
        ),
        meters=(
            Meter("m-main", "janitza_umg604", Address(1, tcp="10.0.0.2:502")),
            *(Meter(f"m-{p}", "eastron_sdm630", Address(n + 1, line="rs485")) for n, p in enumerate(panels)),
        ),
        chargers=chargers,
        windows=(
            Window("night-1", "bay-1", 17 * 60, 6 * 60, 40_000, vehicle="van 12", source="site"),
        ),
    )  # fmt: skip


def prices() -> list[PriceNow]:
    """Return a day and a half of PG&E BEV-2-S: super off-peak 9–14, peak 16–21, else off-peak."""
    bands = [
        (0, 9, OFF_PEAK),
        (9, 14, SUPER_OFF_PEAK),
        (14, 16, OFF_PEAK),
        (16, 21, PEAK),
        (21, 33, OFF_PEAK),
        (33, 38, SUPER_OFF_PEAK),
    ]
    return [
        PriceNow(MIDNIGHT_MS + a * HOUR_MS, MIDNIGHT_MS + b * HOUR_MS, price, "tariff pge_bev_2_s")
        for a, b, price in bands
    ]


def event(second: int) -> EventNow:
    """Return the utility's event as it stands at a second of the story."""
    step = "far" if second < EVENT_S else "active" if second < EVENT_END_S else "done"
    start = START_WALL_MS + EVENT_S * 1000
    return EventNow("ev-17", "peak save", start, start + 2 * HOUR_MS, "IMPORT_CAPACITY_LIMIT", 40_000, step)


def record(drawn: Site, second: int) -> TickRecord:
    """Return the tick of a second of the story."""
    limited = EVENT_S <= second < EVENT_END_S
    chargers = [_charger(c, n, second, limited) for n, c in enumerate(drawn.chargers)]
    return TickRecord(
        at_ms=1_000_000 + second * 1000,
        wall_ms=START_WALL_MS + second * 1000,
        nodes=[_node(n, drawn, chargers, second, limited) for n in drawn.nodes],
        chargers=chargers,
        prices=prices(),
        events=[event(second)],
        violations=[],
        fallback="",
    )


def _charger(drawn: Charger, n: int, second: int, limited: bool) -> ChargerNow:
    state, online = "CCCBAC"[n % 6], n % 6 != 5
    asked = 16_000 if state == "C" and online else 0
    granted = min(asked, 8_000 if limited else 12_000 if n % 6 == 2 else 16_000)
    drawn_ma = max(0, granted - 300 - (second * 37 + n * 11) % 200)
    measured: Triple = tuple(drawn_ma if p in drawn.phases else 0 for p in range(3))  # type: ignore[assignment]
    because = {
        "A": "no vehicle",
        "B": "waits for a lower price at 21:00, ready by 06:00",
        "C": "gets all that it can use",
    }[state]
    if granted < asked:
        because = f"{drawn.node} L2 is full: breaker 63 A, other load 8 A"
        if limited:
            because = "main L2 is full: event peak save until 16:03, other load 41 A"
    here = state != "A"
    return ChargerNow(
        id=drawn.id,
        node=drawn.node,
        state=state,
        online=online,
        asked_ma=asked,
        asked_because="needs 31.4 kWh by 06:00" if state == "C" else because,
        granted_ma=granted,
        because=because if online else "does not answer: counted with its fallback of 6 A",
        may_draw_ma=granted if online else 6_000,
        measured_ma=measured if online else None,
        power_w=sum(measured) * 230 // 1000 if online else None,
        session_wh=4_200 + second * 3 + n * 1_300 if here else None,
        session_since_wall_ms=START_WALL_MS - HOUR_MS if here else None,
        vehicle=f"van {n + 12}" if here else "",
        ready_by_wall_ms=READY_MS if here else None,
        need_wh=31_400 - second * 3 if here else None,
        promise=("at risk" if n % 6 == 2 else "yes") if here else "",
        age_ms=400 if online else 41_000,
    )


def _node(drawn: Node, where: Site, chargers: list[ChargerNow], second: int, limited: bool) -> NodeNow:
    below = [c for c in where.chargers if drawn.id in where.path(c.node)]
    granted = {c.id: c.granted_ma for c in chargers}
    charging: Triple = tuple(sum(granted[c.id] for c in below if p in c.phases) for p in range(3))  # type: ignore[assignment]
    moved = (second * 53) % 900
    root = drawn.parent is None
    limit = drawn.limit_ma
    because = f"breaker {limit[0] // 1000} A"
    other: Triple = (38_000 + moved, 41_000 - moved, 35_500) if root else (6_200, 8_000, 5_400 + moved)
    if drawn.id == "panel-a" and not limited:  # the story: its L2 is full
        other = (other[0], limit[1] - charging[1] - 300, other[2])
    if root and limited:
        because = "event peak save until 16:03"
        limit = tuple(other[p] + charging[p] + 400 for p in range(3))  # type: ignore[assignment]
    flowing: Triple = tuple(other[p] + max(0, charging[p] - 400) for p in range(3))  # type: ignore[assignment]
    return NodeNow(drawn.id, limit, (because,) * 3, flowing, other, charging, sum(flowing) * 230 // 1000, 300)


class FakeStore:
    """The desk's store, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Window] = {}
        self.decided: list[Decision] = []
        self.opted_out: dict[str, str] = {}
        self.audited: list[tuple[str, str, str]] = []
        self.rows: list[Kept] = []

    def windows(self) -> list[Window]:
        return list(self.kept.values())

    def window_set(self, window: Window) -> None:
        self.kept[window.id] = window

    def window_remove(self, window_id: str) -> bool:
        return self.kept.pop(window_id, None) is not None

    def opt_out(self, event_id: str, reason: str | None) -> None:
        self.opted_out.pop(event_id, None)
        if reason is not None:
            self.opted_out[event_id] = reason

    def opt_outs(self) -> dict[str, str]:
        return dict(self.opted_out)

    def decisions(self, charger: str, at_wall_ms: int, limit: int = 1) -> list[Decision]:
        found = [d for d in self.decided if d.charger == charger and d.wall_ms <= at_wall_ms]
        return sorted(found, key=lambda d: -d.wall_ms)[:limit]

    def keep(self, row: Kept) -> None:
        self.rows.append(row)

    def exclusions(self) -> list[Exclusion]:
        return list({row.id: row for row in self.rows if isinstance(row, Exclusion)}.values())

    def audit(self, wall_ms: int, who: str, what: str, outcome: str) -> None:
        self.audited.append((who, what, outcome))
