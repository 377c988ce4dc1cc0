"""The monthly uptime messages, in figures worked out by hand."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge.model.exclusion import VANDALISM, Exclusion, UptimeStatement
from edge.model.messages import Sender
from edge.model.portpolicy import PortPolicy
from edge.model.records import PortInterval
from edge.report.uptime import PortUptime
from edge.shell import uptimes
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Message
from tests.fakes import depot_records

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
        (11.0, 12.0, "down", "utility service interruption"),
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


# --- statements ---------------------------------------------------------------------------------------

NOVEMBER_2 = Then().wall_ms()


def vandalism(name: str = "v1", entered: int = NOVEMBER_2 + DAY, **more: int) -> Exclusion:
    begin = OCTOBER + 10 * DAY
    return Exclusion(name, VANDALISM, "", begin, begin + DAY, entered, "anna", "photo", **more)


def state(store: Store, wall_ms: int, months: tuple[str, ...] = ("2026-10",)) -> list[UptimeStatement]:
    made, _ = uptimes.restated(store, months, "UTC", wall_ms)
    for statement in made:
        store.keep(statement)
    store.commit()
    return made


def excluded(statement: UptimeStatement) -> int:
    return msgspec.json.decode(statement.figures, type=PortUptime).evidence.excluded_ms


def test_evidence_that_comes_later_makes_a_new_version_and_the_old_one_stays(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (first,) = state(store, NOVEMBER_2)
    assert (first.version, first.because, excluded(first)) == (1, "first statement", DAY)
    assert state(store, NOVEMBER_2 + 1) == [], "nothing has changed"
    store.keep(vandalism())
    store.commit()
    (second,) = state(store, NOVEMBER_2 + 2 * DAY)
    assert (second.version, second.because, excluded(second)) == (2, "v1 entered", 2 * DAY)
    store.keep(vandalism(withdrawn_wall_ms=NOVEMBER_2 + 3 * DAY))
    store.commit()
    (third,) = state(store, NOVEMBER_2 + 4 * DAY)
    assert (third.version, third.because, excluded(third)) == (3, "v1 withdrawn", DAY)
    assert store.statements("2026-10") == [first, second, third]


def test_an_entry_that_changes_no_figure_makes_no_version(tmp_path: Path) -> None:
    store = filled(tmp_path)
    state(store, NOVEMBER_2)
    begin = OCTOBER + 3 * DAY
    store.keep(Exclusion("v2", VANDALISM, "", begin, begin + DAY, NOVEMBER_2, "anna", "it was up all day"))
    store.commit()
    assert state(store, NOVEMBER_2 + DAY) == []


def test_what_a_later_release_states_in_addition_is_no_restatement(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (first,) = state(store, NOVEMBER_2)
    fewer = {k: v for k, v in json.loads(first.figures).items() if k not in ("excluded_by", "flaps")}
    store.keep(replace(first, figures=json.dumps(fewer)))
    store.commit()
    assert state(store, NOVEMBER_2 + 1) == []


def test_which_months_are_looked_at(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert uptimes.due(store, "UTC", NOVEMBER_2, []) == ["2026-10"]
    state(store, NOVEMBER_2)
    march = NOVEMBER_2 + 150 * DAY
    since = ["2026-10", "2026-11", "2026-12", "2027-01", "2027-02", "2027-03"]
    assert uptimes.due(store, "UTC", march, []) == since, "the gateway was off for a winter"
    state(store, march, tuple(since))
    assert uptimes.due(store, "UTC", march, []) == ["2027-03"]
    assert uptimes.due(store, "UTC", march, [vandalism()]) == since, "October counts for a year"
    december = OCTOBER + 70 * DAY
    late = Exclusion("x", VANDALISM, "", december, december + 1, march, "a", "photo")
    assert uptimes.due(store, "UTC", march, [late]) == since[2:]


def test_the_daemon_states_without_a_network_and_tells_the_version_with_one(tmp_path: Path) -> None:
    store = filled(tmp_path)
    told: list[Message] = []

    async def look(say: Callable[[Message], None] | None) -> None:
        task = asyncio.ensure_future(uptimes.tell(store, SENDER, "UTC", Then(), say))
        for _ in range(500):
            await asyncio.sleep(0.01)
            store.commit()
            if store.statements() and (say is None or told):
                break
        task.cancel()

    before = uptimes.FIRST_S
    uptimes.FIRST_S = 0
    try:
        asyncio.run(look(None))
        asyncio.run(look(told.append))
    finally:
        uptimes.FIRST_S = before
    assert [statement.version for statement in store.statements()] == [1]
    assert [(json.loads(m.payload)["month"], json.loads(m.payload)["version"]) for m in told] == [
        ("2026-10", 1), ("2026-11", 0),
    ]  # fmt: skip


def test_reports_of_the_file_alone_know_policy_and_commissioning(tmp_path: Path) -> None:
    store = filled(tmp_path)
    drawn = depot_records.site()
    first = replace(drawn.chargers[0], commissioned="2026-10-11", port="p1")
    policy = PortPolicy(name="Region 7", flap_ms=0)
    uptimes.remember(store, replace(drawn, chargers=(first,), port_policy=policy, timezone="UTC"))
    store.commit()
    records = uptimes.records_of(store, "2026-10", "UTC")
    assert records.policy == policy
    assert records.commissioned == {"p1": OCTOBER + 10 * DAY}
    (row,) = uptimes.report(store, "2026-10", "UTC", NOVEMBER_2)
    assert row.from_wall_ms == OCTOBER + 10 * DAY


def test_a_month_is_stated_when_what_was_seen_in_it_is_on_the_disk(tmp_path: Path) -> None:
    store = filled(tmp_path)
    november = OCTOBER + 31 * DAY
    assert uptimes.due(store, "UTC", november + uptimes.SETTLED_MS - 1, []) == ["2026-09"]
    assert uptimes.due(store, "UTC", november + uptimes.SETTLED_MS, []) == ["2026-10"]


def test_a_disk_that_does_not_answer_is_looked_at_again(tmp_path: Path) -> None:
    store = filled(tmp_path)
    looks: list[int] = []

    loop = asyncio.new_event_loop()
    enough = asyncio.Event()

    def broken() -> list[Exclusion]:  # in a thread of its own
        looks.append(1)
        if len(looks) == 3:
            loop.call_soon_threadsafe(enough.set)
        raise StoreTrouble("depot.db: cannot be read: disk I/O error")

    store.exclusions = broken  # type: ignore[method-assign]

    async def look() -> None:
        task = asyncio.ensure_future(uptimes.tell(store, SENDER, "UTC", Then(), None))
        await asyncio.wait_for(enough.wait(), 30)
        assert not task.done()
        task.cancel()

    before = uptimes.FIRST_S, uptimes.AGAIN_S
    uptimes.FIRST_S, uptimes.AGAIN_S = 0, 0
    try:
        loop.run_until_complete(look())
    finally:
        loop.close()
        uptimes.FIRST_S, uptimes.AGAIN_S = before


def test_a_policy_of_another_release_is_told(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.remember("port_policy", '{"name": "later", "weather": 1}')
    store.commit()
    with pytest.raises(ValueError, match=r"depot.db: the port policy of another release: .*weather"):
        uptimes.records_of(store, "2026-10", "UTC")
