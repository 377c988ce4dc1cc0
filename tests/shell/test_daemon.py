"""The daemon's own clockwork; the whole of it is tried in test_end_to_end.py."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path

from edge.model.dayplan import Prospect
from edge.model.flow import AnyCommand, AnyEvent, MakePlan, OptOut, Planned, Tick
from edge.model.site import Node, Site
from edge.shell.daemon import HURRY_MS, Daemon

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
