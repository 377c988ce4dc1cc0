"""The daemon's own clockwork; the whole of it is tried in test_end_to_end.py."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path

from edge.model.dayplan import Prospect
from edge.model.flow import AnyCommand, AnyEvent, MakePlan, OptOut, Planned, SetCurrent, SetRelays, Tick
from edge.model.records import LoadBlock
from edge.model.site import Node, Site
from edge.model.tariff import DemandPrice, EnergyPrice, Ratchet, Tariff, Tier
from edge.model.units import DAY_MS, QUARTER_MS
from edge.shell.answers import NotYetError, Status
from edge.shell.daemon import HURRY_MS, Daemon
from edge.shell.statedir import STORE
from edge.shell.store import open_store
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Gone

SITE = Site("yard", "Yard", "UTC", (Node("main", None, (63_000,) * 3),))


async def nothing(_: Daemon) -> None:
    """Play nothing."""


def ticks(
    tmp_path: Path, seconds: float, play: Callable[[Daemon], Coroutine[None, None, None]] = nothing
) -> list[int]:
    """Let the clockwork run and return when it said ticks, ms."""
    said: list[AnyEvent] = []

    async def run() -> None:
        daemon = Daemon(SITE, None, tmp_path)
        task = asyncio.ensure_future(daemon._ticks())
        await play(daemon)
        await asyncio.sleep(seconds)
        task.cancel()
        while not daemon._inbox.empty():
            said.append(daemon._inbox.get_nowait())
        daemon.store.close()

    asyncio.run(run())
    return [event.at_ms for event in said if isinstance(event, Tick)]


def test_a_tick_at_every_whole_second(tmp_path: Path) -> None:
    found = ticks(tmp_path, 3.5)
    assert len(found) in (3, 4)
    assert [at // 1_000 for at in found] == list(range(found[0] // 1_000, found[0] // 1_000 + len(found)))
    assert all(at % 1_000 < 300 for at in found)  # a busy machine is late, never early


def test_who_speaks_need_not_wait_for_the_second_and_a_flood_is_bounded(tmp_path: Path) -> None:
    async def flood(daemon: Daemon) -> None:
        await asyncio.sleep(0.4)
        for _ in range(200):
            daemon.say(OptOut(daemon.clock.now_ms(), 0, "e", "test"))
            await asyncio.sleep(0.01)

    found = ticks(tmp_path, 0.2, flood)
    gaps = [b - a for a, b in pairwise(found)]
    assert 6 <= len(found) <= 14  # two and a half seconds: a tick each, and at most four for the flood
    assert sum(gap < HURRY_MS - 20 for gap in gaps) <= 3  # the whole seconds are kept in between


def test_a_plan_that_the_core_wishes_for_comes_back_as_an_event(tmp_path: Path) -> None:
    async def run() -> Planned:
        daemon = Daemon(SITE, None, tmp_path)
        running = asyncio.ensure_future(daemon.run())
        await asyncio.sleep(0.2)
        came: asyncio.Future[Planned] = asyncio.get_running_loop().create_future()
        handle = daemon.controller.handle

        def listening(event: AnyEvent) -> list[AnyCommand]:
            if isinstance(event, Planned):
                came.set_result(event)
            return handle(event)

        daemon.controller.handle = listening  # type: ignore[method-assign]
        daemon.do(MakePlan(3, Prospect(1_796_000_000_000, ())))
        event = await asyncio.wait_for(came, 30)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert not daemon.planning._thread.is_alive()
        return event

    event = asyncio.run(run())
    assert event.number == 3
    assert event.plan is not None
    assert event.plan.rows == ()


def test_the_peak_of_the_month_is_known_again_after_a_restart(tmp_path: Path) -> None:
    """Three hours ago 30 kW were reached, and a month ago 50: a demand price that has both knows both."""
    now_ms = time.time_ns() // 1_000_000 // QUARTER_MS * QUARTER_MS
    before, _ = open_store(tmp_path / STORE, "boot")
    before.keep(LoadBlock(now_ms - 12 * QUARTER_MS, 7_500, measured_ms=QUARTER_MS))
    before.keep(LoadBlock(now_ms - 32 * DAY_MS, 12_500, measured_ms=QUARTER_MS))
    before.close(now_ms)
    energy, demand = EnergyPrice("e", (Tier(1),)), DemandPrice("year", (Tier(10**9),), per="year")
    of_month = DemandPrice("quarter", (Tier(10**9),), per="month", ratchet=Ratchet(1000))

    async def run() -> Status:
        tariff = Tariff("t", "UTC", energy=(energy,), demand=(demand, of_month))
        daemon = Daemon(SITE, tariff, tmp_path)
        running = asyncio.ensure_future(daemon.run())
        while True:
            await asyncio.sleep(0.1)
            with contextlib.suppress(NotYetError):
                status = daemon.desk.status()
                break
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return status

    reached = {d.name: d.already_w for d in asyncio.run(run()).demand}
    assert reached["quarter"] == 50_000, "by the ratchet"
    assert reached["year"] in (50_000, 30_000), "30 kW in a new year"


def test_what_the_core_decides_ends_by_itself_when_it_said(tmp_path: Path) -> None:
    """A setpoint and a pattern of relays are handed on with the time at which they expire (I4)."""

    class Wire:
        def __init__(self) -> None:
            self.told: list[tuple[str, int, int]] = []

        def set_current(self, charger: str, current_ma: int, until_ms: int) -> None:
            self.told.append((charger, current_ma, until_ms))

        def set_relays(self, board: str, relays: int, until_ms: int) -> None:
            self.told.append((board, relays, until_ms))

    wire = Wire()

    async def run() -> tuple[int, int]:
        daemon = Daemon(SITE, None, tmp_path)
        daemon._master_of = {"bay-1": wire, "io": wire}  # type: ignore[dict-item]
        before_ms = daemon.clock.now_ms()
        daemon.do(SetCurrent("bay-1", 16_000, 10_000, "test"))
        daemon.do(SetRelays("io", 0b0101, 12_000))
        after_ms = daemon.clock.now_ms()
        daemon.store.close()
        return before_ms, after_ms

    before_ms, after_ms = asyncio.run(run())
    (charger, current_ma, until_ms), (board, relays, open_ms) = wire.told
    assert (charger, current_ma, board, relays) == ("bay-1", 16_000, "io", 0b0101)
    assert before_ms + 10_000 <= until_ms <= after_ms + 10_000
    assert before_ms + 12_000 <= open_ms <= after_ms + 12_000


def test_a_broker_hears_that_a_message_was_taken_only_when_the_disk_has_it(tmp_path: Path) -> None:
    """The first commit fails: nobody is told.  The second succeeds: then everybody is, once (I11)."""
    heard: list[str] = []

    class Taking:
        """A line of a utility that has taken two messages in, and later a third."""

        def __init__(self) -> None:
            self.waiting = [lambda: heard.append("one"), lambda: heard.append("two")]

        def taken(self) -> list[Callable[[], None]]:
            taken, self.waiting = self.waiting, []
            return taken

        def untaken(self, taken: list[Callable[[], None]]) -> None:
            self.waiting[:0] = taken

        def gone(self, gone: object, why: str) -> None:
            """Nothing was given up."""

        def committed(self) -> None:
            """Nothing waits to be sent."""

    async def run() -> list[list[str]]:
        daemon = Daemon(SITE, None, tmp_path)
        line = Taking()
        daemon.links = line  # type: ignore[assignment]
        commits: list[list[str]] = []
        three, loop = asyncio.Event(), asyncio.get_running_loop()

        def commit() -> list[Gone]:
            commits.append(list(heard))
            if len(commits) == 3:
                loop.call_soon_threadsafe(three.set)
            if len(commits) == 1:
                line.waiting.append(lambda: heard.append("three"))
                raise StoreTrouble("the disk is full")
            return []

        daemon._commit = commit  # type: ignore[method-assign]
        task = asyncio.ensure_future(daemon._commits())
        await asyncio.wait_for(three.wait(), 30)
        task.cancel()
        daemon.store.close()
        return commits

    assert asyncio.run(run()) == [[], [], ["one", "two", "three"]]
