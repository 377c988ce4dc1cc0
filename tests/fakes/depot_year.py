"""Thirteen months of a depot of four ports, drawn by a seed, as the daemon would have kept them: for exports.

Ports P1 and P2 read energy alone, P3 and P4 (direct current) the state of charge as well.  Outages of every
cause, flaps, a gateway that was off, entries of people, starts that failed, sessions over the ends of months.
"""

import random
from datetime import datetime

from edge.model.exclusion import MAINTENANCE, UTILITY, VANDALISM, Exclusion
from edge.model.records import ChargeBlock, PortInterval, Session
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS, SECOND_MS
from edge.shell.store import Store

ZONE = "America/Los_Angeles"
PORTS = ("P1", "P2", "P3", "P4")

BEGIN = int(datetime.fromisoformat("2025-09-20T00:00-07:00").timestamp() * 1000)
OCTOBER = int(datetime.fromisoformat("2026-10-01T00:00-07:00").timestamp() * 1000)
NOVEMBER = int(datetime.fromisoformat("2026-11-01T00:00-07:00").timestamp() * 1000)
UNTIL = NOVEMBER + 3 * DAY_MS

DOWN = (
    ("comms", "", "no answer"),
    ("fault", "", "state F, CX017"),
    ("unavailable", "", "the charger says that it is not operative"),
    ("power", UTILITY, "grid shows 0 V, 0 V, 0 V"),
)


def filled(store: Store, seed: int = 1) -> Store:
    """Keep everything in a store, commit, and return it."""
    rng = random.Random(seed)
    store.remember("timezone", ZONE)
    store.remember("site", "north-yard")
    for port in PORTS:
        for row in intervals(rng, port):
            store.keep(row)
        for session in sessions(rng, port):
            store.keep(session)
            for block in blocks(session):
                store.keep(block)
    for entry in ENTRIES:
        store.keep(entry)
    store.heartbeat(UNTIL)
    store.commit(all_of_it=True)
    return store


DAY10, DAY20 = OCTOBER + 9 * DAY_MS, OCTOBER + 19 * DAY_MS
ENTRIES = (
    Exclusion(
        "vandalism-1", VANDALISM, "P3", DAY10, DAY10 + DAY_MS, DAY10 + 2 * DAY_MS, "ada", "report 26-417"
    ),
    Exclusion(
        "maintenance-1", MAINTENANCE, "", DAY20, DAY20 + 4 * HOUR_MS, DAY20 - DAY_MS, "ada", "inspection"
    ),
)


def intervals(rng: random.Random, port: str) -> list[PortInterval]:
    """Draw the states of a port: without gaps, some of them over the ends of months."""
    rows, at = [], BEGIN
    forced = [
        (OCTOBER - HOUR_MS - 1_234, 2 * HOUR_MS + 5_678, DOWN[1]),
        (DAY10 - 2 * HOUR_MS, 30 * HOUR_MS, DOWN[0]),
        (DAY20 + HOUR_MS, 6 * HOUR_MS, DOWN[2]),
    ]
    while at < UNTIL:
        up_ms = rng.randrange(3600, 20 * 86_400) * SECOND_MS + rng.randrange(1000)
        what = rng.choice(DOWN)
        down_ms = rng.choice((4_000, rng.randrange(20, 200) * MINUTE_MS + 137))
        if forced and at + up_ms >= forced[0][0] - HOUR_MS:
            begin, down_ms, what = forced.pop(0)
            up_ms = begin - at
        rows.append(_row(port, at, up_ms, "up", "available", "", "state A"))
        at += up_ms
        if rng.random() < 0.15:
            rows.append(_row(port, at, down_ms, "unknown", "gateway off", "", "from the last heartbeat"))
        else:
            rows.append(_row(port, at, down_ms, "down", *what))
        at += down_ms
    *rows, last = [row for row in rows if row.start_wall_ms < UNTIL]
    return [*rows, PortInterval(port, last.start_wall_ms, "up", "in use")]


def _row(port: str, at: int, ms: int, state: str, cause: str, excluded: str, evidence: str) -> PortInterval:
    return PortInterval(port, at, state, cause, at + ms, ms, excluded, evidence)


def sessions(rng: random.Random, port: str) -> list[Session]:
    """Draw the sessions of a port from August on; the last one has not ended."""
    found, at = [], OCTOBER - 60 * DAY_MS
    while at < UNTIL - DAY_MS:
        at += rng.randrange(600, 30_000) * SECOND_MS + rng.randrange(1000)
        ms = rng.randrange(120, 50_000) * SECOND_MS + rng.randrange(1000)
        found.append(_session(rng, port, at, ms))
        at += ms
    last = found.pop()
    return [*found, Session(last.id, last.charger, last.start_wall_ms, duration_ms=5_000, port=port)]


def _session(rng: random.Random, port: str, at: int, ms: int) -> Session:
    charger = f"bay-{port[1]}"
    known = Session(
        f"{charger}-{at}-b00t5678" + ("-of-a-charger-with-a-long-name" if port == "P4" else ""),
        charger, at, at + ms, ms, port=port, end_reason="unplugged", vehicle=f"v-{rng.randrange(9):016x}",
        driver=rng.choice(("", f"d-{rng.randrange(9):016x}")), offered_ms=ms,
        soc_start_pm=rng.randrange(100, 500) if port in ("P3", "P4") else None,
        soc_end_pm=rng.randrange(500, 1000) if port in ("P3", "P4") else None,
        error=rng.choice(("", "", "", "CX003", "CX003, CX017", "overtemperature, derated")),
    )  # fmt: skip
    values = {name: getattr(known, name) for name in known.__struct_fields__}
    if rng.random() < 0.1:
        return Session(**{**values, "failed_starts": 1})
    charging_ms = ms * rng.randrange(10, 95) // 100
    power_w = rng.randrange(3_000, 60_000 if port in ("P3", "P4") else 7_360)
    energy = {
        "charging_ms": charging_ms, "energy_wh": power_w * charging_ms // HOUR_MS,
        "power_w_max": power_w + 37, "starts": 1, "first_power_ms": 20_000,
        "last_power_ms": 20_000 + charging_ms,
        "stop": rng.choice(("vehicle", "unplugged", "paused", "fault")),
    }  # fmt: skip
    return Session(**{**values, **energy})


def blocks(row: Session) -> list[ChargeBlock]:
    """Return what a session got, quarter by quarter, evenly over its charging."""
    if row.first_power_ms is None:
        return []
    begin = row.start_wall_ms + row.first_power_ms
    end = begin + row.charging_ms
    found, at, left = [], begin // QUARTER_MS * QUARTER_MS, row.energy_wh
    while at < end:
        part = min(end, at + QUARTER_MS) - max(begin, at)
        wh = left if at + QUARTER_MS >= end else row.energy_wh * part // row.charging_ms
        found.append(ChargeBlock(row.id, at, row.charger, wh))
        left -= wh
        at += QUARTER_MS
    return found
