"""The monthly uptime messages, in figures worked out by hand."""

import asyncio
import json
from pathlib import Path

from edge.model.messages import Sender
from edge.model.records import PortInterval
from edge.shell import uptimes
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storeoutbox import Message

OCTOBER = 1_790_812_800_000  # 2026-10-01T00:00:00Z
DAY = 86_400_000
SENDER = Sender("net/yard", "yard", "run-1", {})


class Then(Clock):
    """A clock that stands at noon of 2 November 2026."""

    def wall_ms(self) -> int:
        return OCTOBER + 32 * DAY + DAY // 2


def filled(path: Path) -> Store:
    """October: up but for 2 days down, one of them by the utility's fault, and half a day unknown."""
    store = Store(path / "depot.db", "run-1")
    for start, end, state, excluded in (
        (0.0, 10.0, "up", ""),
        (10.0, 11.0, "down", ""),
        (11.0, 12.0, "down", "utility"),
        (12.0, 12.5, "unknown", ""),
        (12.5, 33.0, "up", ""),
    ):
        begin = OCTOBER + int(start * DAY)
        until = OCTOBER + int(end * DAY)
        store.keep(PortInterval("p1", begin, state, "test", until, until - begin, excluded))
    store.commit()
    return store


def test_a_month_is_told_with_both_figures(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (row,) = uptimes.report(store, "2026-10", "UTC", Then().wall_ms())
    body = json.loads(uptimes.message(SENDER, row, 1).payload)
    assert (body["month"], body["from_wall_ms"], body["to_wall_ms"]) == (
        "2026-10", OCTOBER, OCTOBER + 31 * DAY,
    )  # fmt: skip
    assert body["unknown_ms"] == DAY // 2
    assert (body["outage_ms"], body["excluded_ms"]) == (5 * DAY // 2, DAY)
    # 31 days: 1 − 1.5/31 and, without what nobody saw, 1 − 1/31
    assert body["uptime_conservative_ppm"] == 951_612
    assert body["uptime_ppm"] == 967_741


def test_last_month_and_the_running_one_are_told_and_the_same_figures_once(tmp_path: Path) -> None:
    store = filled(tmp_path)
    told: list[Message] = []

    enough = asyncio.Event()

    def say(message: Message) -> None:
        told.append(message)
        if len(told) == 4:
            enough.set()

    async def look() -> None:
        uptimes.FIRST_S, uptimes.AGAIN_S = 0, 0
        task = asyncio.ensure_future(uptimes.tell(store, SENDER, "UTC", Then(), say))
        await enough.wait()
        task.cancel()

    before = uptimes.FIRST_S, uptimes.AGAIN_S
    try:
        asyncio.run(look())
    finally:
        uptimes.FIRST_S, uptimes.AGAIN_S = before
    assert [json.loads(m.payload)["month"] for m in told[:4]] == ["2026-10", "2026-11", "2026-10", "2026-10"]
    assert told[0].key == told[2].key != told[1].key
