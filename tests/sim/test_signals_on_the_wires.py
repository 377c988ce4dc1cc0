"""Signals on the simulated wires: announced limits hold from their first second, and nothing rebounds.

In virtual time, judged by the checker, which shares no code with the core; with cores that do without the
ramps it must object, else it is no check.
"""

from importlib.resources import files
from typing import Any

import msgspec
import pytest

from edge.model.flow import UtilitySaid
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload
from edge.model.site import Response, Site
from edge.shell.sitefile import load
from edge.sim.closed_loop import ClosedLoop

DEMO = msgspec.structs.replace(load(str(files("edge.sim") / "data" / "demo.toml")), boards=())
START_WALL_MS = 1_773_162_000_000  # 2026-03-10 10:00 in Los Angeles: no peak, everybody wants to charge
FULL_W = 3 * 100 * 230
RAMP_MS = 60_000


def twin(seed: int, **response: Any) -> ClosedLoop:
    site: Site = msgspec.structs.replace(DEMO, response=Response(ramp_up_ms=RAMP_MS, **response))
    return ClosedLoop(site, seed, START_WALL_MS + seed * 5 * 3_600_000)


def announce(loop: ClosedLoop, kind: str, value: float, in_s: int, for_s: int) -> tuple[int, int]:
    """Let the utility send an event ahead; return when it begins and ends, in the twin's time."""
    wall_ms = loop.start_wall_ms + loop.now_ms
    event = OpenAdrEvent(
        id=f"e-{kind}",
        program_id="p",
        period=IntervalPeriod(wall_ms + in_s * 1000, for_s * 1000),
        intervals=(Interval(0, (Payload(kind, (value,)),)),),
        modified_wall_ms=wall_ms,
        received_wall_ms=wall_ms,
    )
    loop.say(UtilitySaid(loop.now_ms, wall_ms, "CREATE", event))
    return loop.now_ms + in_s * 1000, loop.now_ms + (in_s + for_s) * 1000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_limit_that_was_announced_holds_from_its_first_second_and_does_not_rebound(seed: int) -> None:
    loop = twin(seed)
    loop.run(60)
    start, end = announce(loop, "IMPORT_CAPACITY_LIMIT", 25, 100, 60)
    told = loop.judge.checker.event(start, end, 25_000, settle_ms=0, ramp_ms=RAMP_MS, full_w=FULL_W)
    loop.run(260)
    assert loop.judge.checker.violations == []
    assert told.highest_w > 15_000  # it had something to hold


@pytest.mark.parametrize("seed", [1, 2])
def test_a_share_of_charging_is_kept_whatever_the_building_does(seed: int) -> None:
    loop = twin(seed)
    loop.run(60)
    start, end = announce(loop, "SIMPLE", 2, 100, 60)
    full_w = min(FULL_W, sum(c.max_ma * len(c.phases) for c in loop.site.chargers) * 230 // 1000)
    told = loop.judge.checker.event(start, end, full_w * 40 // 100, settle_ms=0, charging=True)
    loop.run(200)
    assert loop.judge.checker.violations == []
    assert told.highest_w > 4_000


def test_the_checker_objects_to_a_core_that_does_not_go_down_before() -> None:
    broken = []
    for seed in (1, 2, 3):
        loop = twin(seed)
        loop.run(100)
        start, end = announce(loop, "IMPORT_CAPACITY_LIMIT", 20, 0, 60)  # it could not know
        loop.judge.checker.event(start, end, 20_000, settle_ms=0)
        loop.run(60)
        broken.append(any(v.rule == "I5" for v in loop.judge.checker.violations))
    assert any(broken)


def test_the_checker_objects_to_a_core_that_rebounds() -> None:
    broken = []
    for seed in (1, 2, 3):
        loop = twin(seed)
        loop.run(60)
        start, end = announce(loop, "IMPORT_CAPACITY_LIMIT", 20, 100, 60)
        loop.judge.checker.event(start, end, 20_000, settle_ms=0, ramp_ms=100 * RAMP_MS, full_w=20_001)
        loop.run(320)
        broken.append(any("just after" in v.says for v in loop.judge.checker.violations))
    assert any(broken)
